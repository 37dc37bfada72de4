"""The pages for reading: the inbox with its tabs, one request, a receipt, and the state for the live status. None changes anything."""

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from functions.approval.approvals_web import access, resources, views
from functions.approval.approvals_web.answers import Denied, answer
from functions.approval.approvals_web.pages import checks
from functions.approval.approvals_web.pages.browser import go, signed_in
from functions.approval.approvals_web.pages.rendering import asset, page
from functions.approval.approvals_web.sign_in.sessions import Session
from functions.approval.approvals_web.tabs import TABS
from functions.approval.approvals_web.tabs import page as read_tab
from functions.shared import clock, request_history
from functions.shared.admissions import Admissions
from functions.shared.approvals import Approvals
from functions.shared.settings import settings
from workflows.approval import bulk, votes
from workflows.approval.request import Request, outcome_sentence
from workflows.approval.votes import Voter

router = Router()  # type: ignore[no-untyped-call]

LIMIT = 25
TAB_NAMES = {
    "mine": "For you",
    "waiting": "Waiting for others",
    "decided": "Decided",
    "not_carried_out": "Not carried out",
}


@router.get("/")
def enter() -> Response[str]:
    return go("/approvals")


@router.get("/assets/<name>")
def assets(name: str) -> Response[str]:
    content = asset(name)
    if content is None:
        raise Denied("not_found", "There is no such file.")
    return content


@router.get("/approvals")
def inbox() -> Response[str]:
    """Shows one page of a tab."""
    at, session = clock.now(), signed_in(router.current_event.raw_event)
    person = access.reader(access.with_delegations(session.voter))
    asked = router.current_event.query_string_parameters or {}
    tab = TABS.get(asked.get("tab", "mine"))
    if tab is None:
        raise Denied("unknown_tab", "There is no such list.")
    table = resources.approvals().table
    found = read_tab(table, tab, person, cursor=asked.get("cursor"), limit=LIMIT, at=at)
    rows = [views.summary(request, person, at=at) for request in found.requests]
    return page(
        "inbox.html",
        session=session,
        person=person,
        at=at,
        tabs=TAB_NAMES,
        tab=tab,
        rows=rows,
        cursor=found.cursor,
        first="cursor" not in asked,
        together=tab == "mine" and sum(row.green for row in rows) > 1,
        most=bulk.MOST,
    )


@router.get("/approvals/<approval_id>")
def show(approval_id: str) -> Response[str]:
    """Shows one request, and what the person can do with it."""
    session = signed_in(router.current_event.raw_event)
    approvals, person = resources.approvals(), access.with_delegations(session.voter)
    request = access.readable(approvals, approval_id, person)
    return request_page(approvals, request, session, person)


@router.get("/approvals/<approval_id>/receipt")
def receipt(approval_id: str) -> Response[str]:
    """Shows what this person signed, and the result."""
    at, session = clock.now(), signed_in(router.current_event.raw_event)
    approvals, person = resources.approvals(), access.with_delegations(session.voter)
    request = access.readable(approvals, approval_id, person)
    signed = [vote for vote in request.votes if vote.subject == person.subject]
    if not signed:
        return go(f"/approvals/{approval_id}")
    return page(
        "receipt.html",
        session=session,
        person=person,
        at=at,
        one=views.summary(request, person, at=at),
        votes=signed,
        told=outcome_sentence(request),
        outcome=outcome(request),
    )


@router.get("/approvals/<approval_id>/state")
def state(approval_id: str) -> Response[str]:
    """Returns the state for the live status. The page calls this by itself, so the call does not extend the session."""
    session = signed_in(router.current_event.raw_event, attended=False)
    person = access.with_delegations(session.voter)
    request = access.readable(resources.approvals(), approval_id, person)
    shown = views.summary(request, person, at=clock.now())
    ended = outcome(request)
    return answer(
        {"sentence": shown.sentence, "state": f"{request.version} {shown.status} {ended.outcome if ended else ''}"}
    )


def request_page(
    approvals: Approvals,
    request: Request,
    session: Session,
    person: Voter,
    *,
    status: int = 200,
    notice: str | None = None,
    changed: list[checks.Difference] | None = None,
    reason: str = "",
    typed_for: str = "",
) -> Response[str]:
    """Returns the page of one request.

    `notice` says why nothing was done. `changed` lists what changed after the page was shown. `reason` is the text typed into the form
    for the decision `typed_for`.
    """
    at = clock.now()
    snapshot = approvals.snapshot(request)
    events = request_history.events(approvals.table, request.approval_id)
    shown = views.detail(request, person, snapshot, events, at=at)
    evidence = checks.read(snapshot)
    return page(
        "request.html",
        status=status,
        session=session,
        person=person,
        at=at,
        one=shown,
        evidence=evidence,
        checks=checks.checks(evidence),
        last_needed=shown.votes_needed - shown.votes_received == 1,
        stale=request.ruling.fresh_sign_in and not votes.is_fresh(person, at),
        told=outcome_sentence(request),
        outcome=outcome(request),
        notice=notice,
        changed=changed or [],
        reason=reason,
        typed_for=typed_for,
    )


def outcome(request: Request) -> Any:
    """Returns the admission with its outcome after this request's execution has ended it; None before."""
    admission = Admissions(settings(resources.Settings).admissions_table).find(request.certificate_id)
    ended = admission is not None and admission.execution_arn == request.execution_arn and admission.outcome != "open"
    return admission if ended else None
