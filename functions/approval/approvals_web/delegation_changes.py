"""Makes and ends delegations. Each change is on the audit trail before and after it. What cannot be recorded is not done."""

from typing import Literal

from msgspec import Struct

from functions.approval.approvals_web import resources
from functions.approval.approvals_web.answers import Denied
from functions.approval.approvals_web.audit_limit import first_of_its_minute
from functions.approval.approvals_web.request_input import is_id
from functions.shared import clock
from functions.shared.audit_trail import AuditTrail
from functions.shared.observability import count
from functions.shared.settings import rules, settings
from workflows.approval import delegation_rules
from workflows.approval.delegation import Delegation
from workflows.approval.delegation_rules import DelegationRequest, NotDelegated
from workflows.approval.votes import Voter

Act = Literal["delegate", "end_delegation"]


class Done(Struct, frozen=True, kw_only=True):
    """The delegation as it is now. `repeated` is true if the same request was made before."""

    delegation: Delegation
    repeated: bool


def delegate(person: Voter, asked: DelegationRequest) -> Done | NotDelegated:
    """Raises `TrailUnavailable`, `AwsUnavailable`: then try again. The same delegation is not made twice."""
    table, trail = resources.delegations(), resources.audit_trail()
    made = delegation_rules.delegate(rules(), person, asked, at=clock.now())
    if isinstance(made, NotDelegated):
        return _refused(trail, "delegate", asked.group, person, made)
    standing = table.find(made.delegation_id)
    if standing is None:
        new = {"group": made.group, "delegate": made.delegate, "until": made.until.isoformat(), "reason": made.reason}
        identity = _record(trail, "delegate", made, person, "begun", new=new)
        stored = table.keep(made)
        _record(trail, "delegate", made, person, "succeeded", new=new, id=identity)
        if stored:
            return Done(delegation=made, repeated=False)
        standing = table.find(made.delegation_id) or made
    if standing.ended_at is not None:
        message = f"The same delegation was ended at {standing.ended_at:%Y-%m-%d %H:%M:%S} UTC. Make one with another end or reason."
        return NotDelegated(code="already_ended", message=message)
    return Done(delegation=standing, repeated=True)


def end(person: Voter, delegation_id: str, reason: str) -> Done | NotDelegated:
    """Raises `Denied` if there is no such delegation. Raises `TrailUnavailable`, `AwsUnavailable`: then try again."""
    table, trail = resources.delegations(), resources.audit_trail()
    standing = table.find(delegation_id) if is_id(delegation_id) else None
    if standing is None:
        raise Denied("not_found", "There is no such delegation.")
    ended = delegation_rules.end(standing, person, reason, at=clock.now())
    if isinstance(ended, NotDelegated):
        if ended.code == "already_ended" and standing.ended_by == person.subject:
            return Done(delegation=standing, repeated=True)
        return _refused(trail, "end_delegation", delegation_id, person, ended)
    old = {"until": standing.until.isoformat()}
    new = {"ended_at": str(ended.ended_at), "reason": ended.ended_because}
    identity = _record(trail, "end_delegation", ended, person, "begun", old=old, new=new)
    done = table.end(ended)
    _record(trail, "end_delegation", ended, person, "succeeded" if done else "failed", old=old, new=new, id=identity)
    return Done(delegation=ended if done else table.find(delegation_id) or ended, repeated=not done)


def _record(
    trail: AuditTrail,
    act: Act,
    made: Delegation,
    person: Voter,
    result: Literal["begun", "succeeded", "failed"],
    *,
    old: dict[str, str] | None = None,
    new: dict[str, str],
    id: str | None = None,  # noqa: A002 - the trail uses this name
) -> str:
    return trail.record(
        "approval", act, subject=made.delegation_id, actor=person.subject, result=result, old=old, new=new, id=id
    )


def _refused(trail: AuditTrail, act: Act, subject: str, person: Voter, refusal: NotDelegated) -> NotDelegated:
    """Keeps at most one refusal a minute of each person."""
    count("DelegationRefused")
    if first_of_its_minute(settings(resources.Settings).sessions_table, f"refused-{act}#{person.subject}"):
        reason = f"{refusal.code}: {refusal.message}"
        trail.record("approval", act, subject=subject[:128], actor=person.subject, result="refused", reason=reason)
    return refusal
