"""Whether enough different people of the right groups have agreed.

One person fills one place. "One of quality and one of security" is dual approval (IEC 62443-4-2 CR 2.1 RE4): somebody who is in both
groups counts once, and so do a person and the delegate who acts for them. Which vote counts for which group is calculated over all
votes together, as a maximum matching between voters and places. So the order in which people of several groups vote makes no
difference.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from workflows.admission.contracts import Requirement, Ruling
from workflows.approval.signature import SignedVote


class Progress(Struct, frozen=True, kw_only=True):
    """How many people of one group are needed, and how many have agreed."""

    group: str
    count: int
    received: int


def may_fill(groups: Sequence[str], requirement: Requirement, ruling: Ruling, *, since: timedelta) -> bool:
    """Whether somebody of `groups` may fill a place of `requirement`, `since` after the request was opened (escalation)."""
    escalated = ruling.escalate_after is not None and since >= timedelta(seconds=ruling.escalate_after)
    return requirement.group in groups or (escalated and ruling.escalate_to in groups)


def progress(ruling: Ruling, approvals: Sequence[SignedVote], *, requested_at: datetime) -> tuple[Progress, ...]:
    """The places of each requirement, and how many are filled if each vote is used where it helps most."""
    places = [requirement for requirement in ruling.requirements for _ in range(requirement.count)]
    holder: dict[int, int] = {}  # place → voter

    def seat(voter: int, tried: set[int]) -> bool:
        vote = approvals[voter]
        for number, place in enumerate(places):
            if number in tried or not may_fill(vote.groups, place, ruling, since=vote.voted_at - requested_at):
                continue
            tried.add(number)
            if number not in holder or seat(holder[number], tried):
                holder[number] = voter
                return True
        return False

    for voter in _one_each(approvals):
        seat(voter, set())
    return tuple(
        Progress(
            group=requirement.group,
            count=requirement.count,
            received=sum(places[number] == requirement for number in holder),
        )
        for requirement in ruling.requirements
    )


def _one_each(approvals: Sequence[SignedVote]) -> Iterator[int]:
    """Which votes count: one for each person, and one for each right to vote, whether its holder or a delegate used it. The first counts.

    A repeated vote is refused when it is cast. If a record holds one all the same, it does not count here.
    """
    people: set[str] = set()
    rights: set[str] = set()
    for number, vote in enumerate(approvals):
        if vote.subject not in people and vote.right_holder not in rights:
            people.add(vote.subject)
            rights.add(vote.right_holder)
            yield number


def is_met(ruling: Ruling, approvals: Sequence[SignedVote], *, requested_at: datetime) -> bool:
    """Whether every place is filled. A ruling without requirements is never met."""
    parts = progress(ruling, approvals, requested_at=requested_at)
    return bool(parts) and all(0 < part.count <= part.received for part in parts)
