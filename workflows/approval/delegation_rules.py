"""Who may give a right to vote to whom, until when, and who may take it back. Refusals are results, as with votes."""

import unicodedata
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from workflows.approval.delegation import Delegation, delegation_id
from workflows.approval.identity import is_among, normal
from workflows.approval.request import whole
from workflows.approval.rules import Rules
from workflows.approval.votes import Voter, is_fresh

MAX_NAME = 256
MAX_REASON = 500

Code = Literal["not_eligible", "bad_delegation", "stale_sign_in", "already_ended", "not_yours"]


class DelegationRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the delegator sends. `to` is a subject, user name or verified e-mail address."""

    group: str
    to: str
    until: datetime
    reason: str


class NotDelegated(Struct, frozen=True, kw_only=True):
    """Why nothing was delegated or ended; `message` is for the person."""

    code: Code
    message: str


def delegate(rules: Rules, person: Voter, request: DelegationRequest, *, at: datetime) -> Delegation | NotDelegated:
    """The delegation that `request` asks for. Only a person's own right can be delegated: a delegated one is in no token's groups.

    It begins at once and ends at its date. Whether the delegator is still in the group is not checked again, so the time is limited.
    """
    if request.group not in rules.approver_groups():
        known = ", ".join(sorted(rules.approver_groups())) or "none"
        return _bad(f"No rule asks {request.group[:64]!r}. Groups that are asked: {known}.")
    if request.group not in person.groups:
        return NotDelegated(
            code="not_eligible",
            message=f"You are not in {request.group}: only its members delegate its votes, and a delegated vote cannot be delegated again.",
        )
    longest = rules.longest_delegation
    if longest is None:
        return _bad("The rules allow no delegation: there is no longest_delegation in config/approval.toml.")
    if rules.wants_fresh_sign_in(request.group) and not is_fresh(person, at):
        return NotDelegated(
            code="stale_sign_in", message=f"Sign in again: votes of {request.group} need a fresh sign-in."
        )
    problem = (
        _wrong_name(person, request.to)
        or _wrong_reason(request.reason)
        or _wrong_end(request.until, at, at + timedelta(seconds=longest))
    )
    if problem:
        return _bad(problem)
    until = whole(request.until)
    return Delegation(
        delegation_id=delegation_id(
            person.subject, request.group, normal(request.to), until.isoformat(), request.reason.strip()
        ),
        group=request.group,
        delegator=person.subject,
        delegator_name=person.name,
        delegator_known_as=person.known_as,
        delegate=normal(request.to),
        reason=request.reason.strip(),
        created_at=whole(at),
        until=until,
    )


def end(delegation: Delegation, person: Voter, reason: str, *, at: datetime) -> Delegation | NotDelegated:
    """The delegation after `person` has ended it. Both people may end it, and any member of the group."""
    its_own = person.subject == delegation.delegator or delegation.given_to(person.identified_as)
    if not its_own and delegation.group not in person.groups:
        return NotDelegated(
            code="not_yours",
            message=f"Only the two people of the delegation and members of {delegation.group} may end it.",
        )
    if not delegation.stands(at):
        when = delegation.ended_at or delegation.until
        return NotDelegated(code="already_ended", message=f"It ended at {when:%Y-%m-%d %H:%M:%S} UTC.")
    if wrong := _wrong_reason(reason):
        return _bad(wrong)
    return replace(delegation, ended_at=whole(at), ended_by=person.subject, ended_because=reason.strip())


def usable(rules: Rules, person: Voter, delegations: tuple[Delegation, ...], *, at: datetime) -> tuple[Delegation, ...]:
    """The delegations by which `person` may act now. A person who may only read remains a reader."""
    groups = rules.approver_groups()
    if set(person.groups) & set(rules.readers) and not set(person.groups) & groups:
        return ()
    return tuple(
        one
        for one in delegations
        if one.stands(at)
        and one.given_to(person.identified_as)
        and one.delegator != person.subject
        and one.group in groups
    )


def _bad(message: str) -> NotDelegated:
    return NotDelegated(code="bad_delegation", message=message)


def _wrong_name(person: Voter, name: str) -> str | None:
    if not name.strip() or len(name) > MAX_NAME or any(unicodedata.category(c).startswith(("C", "Z")) for c in name):
        return f"The delegate is {name[:64]!r}. Expected a subject, a user name or an e-mail address, without spaces."
    if is_among(name, (person.subject, *person.known_as, *person.identified_as)):
        return "The delegate is yourself. Name somebody else."
    return None


def _wrong_reason(reason: str) -> str | None:
    if not reason.strip() or len(reason) > MAX_REASON:
        return f"The reason has {len(reason.strip())} characters. Expected 1 to {MAX_REASON}: everybody can read it."
    return None


def _wrong_end(until: datetime, at: datetime, last: datetime) -> str | None:
    if until.tzinfo is None:
        return f"The end {until.isoformat()} has no time zone. Add Z for UTC, or an offset such as +02:00."
    if not at < until <= last:
        return (
            f"The end is {until.isoformat()}. Expected a time in the future, at the latest {last:%Y-%m-%dT%H:%M:%SZ}."
        )
    return None
