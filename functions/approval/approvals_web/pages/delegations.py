"""The page of delegations: who delegated the right to vote to whom. Everybody who may read sees them. Only the people concerned can
change them.
"""

from datetime import UTC, datetime

import msgspec
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from functions.approval.approvals_web import access, delegation_changes, resources, views
from functions.approval.approvals_web.answers import STATUS
from functions.approval.approvals_web.pages.browser import go, one, signed_in, unforged
from functions.approval.approvals_web.pages.rendering import page
from functions.approval.approvals_web.sign_in.sessions import Session
from functions.shared import clock
from functions.shared.settings import rules
from workflows.approval.delegation_rules import DelegationRequest, NotDelegated

router = Router()  # type: ignore[no-untyped-call]

SHOWN = 200


@router.get("/delegations")
def show() -> Response[str]:
    return _page(signed_in(router.current_event.raw_event))


@router.post("/delegations")
def make() -> Response[str]:
    """Delegates the person's own right to another person until the end of a day."""
    session = signed_in(router.current_event.raw_event)
    fields = unforged(router.current_event, session)
    person = access.reader(access.with_delegations(session.voter))
    plain = {name: one(fields, name).strip() for name in ("group", "to", "reason")}
    try:
        until = datetime.strptime(one(fields, "until"), "%Y-%m-%d").replace(hour=23, minute=59, tzinfo=UTC)
        asked = msgspec.convert({**plain, "until": until}, DelegationRequest)
    except (ValueError, msgspec.ValidationError) as error:
        message = f"The form cannot be read: {error}. Expected a group, a person, a day like 2027-01-31, and a reason."
        return _page(session, status=400, notice=message, typed=plain)
    done = delegation_changes.delegate(person, asked)
    if isinstance(done, NotDelegated):
        return _page(session, status=STATUS[done.code], notice=done.message, typed=plain)
    return go("/delegations")


@router.post("/delegations/<delegation_id>/end")
def end(delegation_id: str) -> Response[str]:
    """Ends a delegation early."""
    session = signed_in(router.current_event.raw_event)
    fields = unforged(router.current_event, session)
    person = access.reader(access.with_delegations(session.voter))
    done = delegation_changes.end(person, delegation_id, one(fields, "reason"))
    if isinstance(done, NotDelegated):
        return _page(session, status=STATUS[done.code], notice=done.message)
    return go("/delegations")


def _page(
    session: Session, *, status: int = 200, notice: str | None = None, typed: dict[str, str] | None = None
) -> Response[str]:
    at, person = clock.now(), access.reader(access.with_delegations(session.voter))
    delegations = [one for _, one in zip(range(SHOWN), resources.delegations().all(since=at), strict=False)]
    shown = [views.delegation(one, person, at=at) for one in delegations]
    return page(
        "delegations.html",
        status=status,
        session=session,
        person=person,
        at=at,
        rows=[one for one in shown if one.stands],
        groups=sorted(rules().approver_groups() & set(person.groups)),
        longest=rules().longest_delegation,
        notice=notice,
        typed=typed or {"group": "", "to": "", "reason": ""},
    )
