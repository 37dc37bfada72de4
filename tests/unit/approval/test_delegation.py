"""A right to vote in other hands: who may give it, to whom, until when, and that it still fills one place only."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.approvals import (
    HOUR,
    MINUTE,
    NOW,
    after,
    asks,
    ballot,
    delegation,
    person,
    request,
    ruling,
    standing_in,
    unsigned,
)
from tests.records import vote as signed_vote
from workflows.approval.delegation import Delegation
from workflows.approval.delegation_rules import DelegationRequest, NotDelegated, delegate, end, usable
from workflows.approval.quorum import is_met, progress
from workflows.approval.request import outcome_sentence
from workflows.approval.rules import Rules, load
from workflows.approval.signature import OnBehalfOf
from workflows.approval.votes import Accepted, Refused, Repeated, Voter, cast, ways

RULES = """
version = "1"
readers = ["auditors"]
longest_delegation = "30d"
[[rules]]
id = "two"
action = "people"
people = { quality = 1, security = 1 }
decide_within = "4h"
execute_within = "8h"
"""
ADA, KIM, SAM, ERIN, DAN = (
    person("ada", "quality"),
    person("kim", "quality"),
    person("sam", "security"),
    person("erin", "quality"),
    person("dan", "clerks"),
)
DAY = timedelta(days=1)


def rules(text: str = RULES) -> Rules:
    return load(text)


def asked(**unusual: Any) -> DelegationRequest:
    return DelegationRequest(**{"group": "quality", "to": "dan", "until": NOW + DAY, "reason": "On holiday", **unusual})


def by(given: Delegation, voter: Voter = DAN, **unusual: Any) -> Accepted | Repeated | Refused:
    """`voter` votes by the delegation `given`."""
    standing = unusual.pop("of", request())
    at = unusual.pop("at", NOW + MINUTE)
    written = ballot(unusual.pop("decision", "approve"), of=standing, delegation_id=given.delegation_id, **unusual)
    return cast(standing, standing_in(voter, given), written, at=at, sign=unsigned)


def code(result: Any) -> str:
    assert isinstance(result, Refused | NotDelegated), result
    return result.code


# --- making and ending one ---------------------------------------------------------------------------------------------


def test_a_member_gives_their_right_until_a_date_and_says_why() -> None:
    made = delegate(rules(), replace(ADA, known_as=("ada@example.com",)), asked(to=" Dan@Example.com ".strip()), at=NOW)
    assert isinstance(made, Delegation)
    assert (made.delegator, made.delegate, made.group) == ("ada", "dan@example.com", "quality")
    assert made.delegator_known_as == ("ada@example.com",)
    assert made.stands(NOW)
    assert not made.stands(NOW + DAY)


def test_the_same_again_is_the_same_delegation() -> None:
    first, again = (delegate(rules(), ADA, asked(), at=at) for at in (NOW, NOW + MINUTE))
    assert isinstance(first, Delegation)
    assert isinstance(again, Delegation)
    assert first.delegation_id == again.delegation_id
    other = delegate(rules(), ADA, asked(to="kim"), at=NOW)
    assert isinstance(other, Delegation)
    assert other.delegation_id != first.delegation_id


@pytest.mark.parametrize(
    "unusual",
    [
        {"group": "clerks"},
        {"group": "auditors"},
        {"to": "ada"},
        {"to": "ADA "},
        {"to": "ada@example.com"},
        {"to": ""},
        {"to": "dan\r\nBcc: mal"},
        {"to": "d" * 300},
        {"reason": " "},
        {"reason": "x" * 501},
        {"until": NOW},
        {"until": NOW - DAY},
        {"until": NOW + 30 * DAY + MINUTE},
        {"until": datetime(2026, 11, 24)},  # noqa: DTZ001 - without a zone, as somebody may write it
    ],
)
def test_what_is_no_delegation(unusual: dict[str, Any]) -> None:
    known = replace(ADA, known_as=("ada@example.com",), groups=("quality", "clerks", "auditors"))
    assert code(delegate(rules(), known, asked(**unusual), at=NOW)) == "bad_delegation"


def test_only_a_member_delegates_and_a_delegated_right_goes_no_further() -> None:
    assert code(delegate(rules(), SAM, asked(), at=NOW)) == "not_eligible"
    holder = standing_in(DAN, delegation(ADA, DAN))
    assert code(delegate(rules(), holder, asked(to="kim"), at=NOW)) == "not_eligible"


def test_without_a_longest_time_nobody_delegates() -> None:
    text = RULES.replace('longest_delegation = "30d"', "")
    assert "longest_delegation" in str(delegate(rules(text), ADA, asked(), at=NOW))
    assert rules(text).longest_delegation is None


def test_where_votes_want_a_fresh_sign_in_so_does_giving_them_away() -> None:
    text = RULES + "fresh_sign_in = true\n"
    stale = replace(ADA, signed_in_at=NOW - HOUR)
    assert code(delegate(rules(text), stale, asked(), at=NOW)) == "stale_sign_in"
    assert isinstance(delegate(rules(text), ADA, asked(), at=NOW), Delegation)
    assert isinstance(delegate(rules(), stale, asked(), at=NOW), Delegation)


@pytest.mark.parametrize(("who", "may"), [(ADA, True), (DAN, True), (KIM, True), (SAM, False)])
def test_either_of_the_two_and_the_group_end_it(who: Voter, may: bool) -> None:
    ended = end(delegation(ADA, DAN), who, "Back from holiday", at=NOW)
    if not may:
        assert code(ended) == "not_yours"
        return
    assert isinstance(ended, Delegation)
    assert not ended.stands(NOW)
    assert (ended.ended_by, ended.ended_because) == (who.subject, "Back from holiday")
    assert code(end(ended, who, "again", at=NOW + MINUTE)) == "already_ended"


def test_ending_says_why() -> None:
    assert code(end(delegation(ADA, DAN), ADA, " ", at=NOW)) == "bad_delegation"


def test_what_somebody_holds() -> None:
    stands = delegation(ADA, DAN)
    others = (
        delegation(ADA, DAN, "clerks"),  # no rule asks these
        delegation(KIM, SAM),
        delegation(KIM, DAN, until=NOW),
        delegation(KIM, DAN, ended_at=NOW - MINUTE),
        delegation(DAN, DAN),
    )
    assert usable(rules(), DAN, (stands, *others), at=NOW) == (stands,)


def test_a_reader_stays_a_reader() -> None:
    otto = person("otto", "auditors")
    assert usable(rules(), otto, (delegation(ADA, otto),), at=NOW) == ()
    both = person("otto", "auditors", "security")
    assert usable(rules(), both, (delegation(ADA, both),), at=NOW) == (delegation(ADA, both),)


def test_an_address_counts_only_as_written_by_the_provider() -> None:
    given = delegation(ADA, DAN, delegate="dan@example.com")
    assert usable(rules(), replace(DAN, known_as=("dan@example.com",)), (given,), at=NOW) == ()
    assert usable(rules(), replace(DAN, identified_as=("x", "Dan@Example.COM")), (given,), at=NOW) == (given,)


# --- voting by one -------------------------------------------------------------------------------------------------------


def test_the_signature_says_who_on_whose_behalf() -> None:
    result = by(delegation(ADA, DAN))
    assert isinstance(result, Accepted)
    vote = result.vote
    assert (vote.subject, vote.name, vote.groups) == ("dan", "Dan", ("quality",))
    assert vote.on_behalf_of == OnBehalfOf(
        delegation_id=delegation(ADA, DAN).delegation_id,
        subject="ada",
        name="Ada",
        group="quality",
        until=NOW + 24 * HOUR,
    )
    assert vote.right_holder == "ada"
    assert result.step.event.summary.startswith("Dan on behalf of Ada (quality): ")
    assert result.step.event.new["delegation_id"] == delegation(ADA, DAN).delegation_id
    decided = after(result.step.after, SAM)
    assert decided.status == "APPROVED"
    assert "Dan on behalf of Ada (quality) at " in outcome_sentence(decided)


def test_without_a_delegation_of_that_id_nobody_votes_by_it() -> None:
    none = ballot(of=request(), delegation_id=delegation(ADA, DAN).delegation_id)
    assert code(cast(request(), DAN, none, at=NOW, sign=unsigned)) == "no_delegation"
    assert code(by(delegation(ADA, DAN), at=NOW + 25 * HOUR, of=request(at=NOW + 24 * HOUR))) == "no_delegation"
    assert code(by(delegation(ADA, DAN, ended_at=NOW))) == "no_delegation"


def test_a_delegate_who_says_nothing_votes_in_their_own_name() -> None:
    assert (
        code(cast(request(), standing_in(DAN, delegation(ADA, DAN)), ballot(), at=NOW, sign=unsigned)) == "not_eligible"
    )


def test_only_the_group_that_was_delegated_counts() -> None:
    both = person("bea", "quality", "security")
    result = by(delegation(both, DAN, "security"))
    assert isinstance(result, Accepted)
    assert result.vote.groups == ("security",)
    assert code(by(delegation(person("zoe", "safety"), DAN, "safety"))) == "not_eligible"


def test_one_right_fills_one_place_whoever_uses_it_first() -> None:
    both = person("bea", "quality", "security")
    given = delegation(both, DAN, "quality")
    voted = after(request(), both)
    assert code(by(given, of=voted)) == "already_voted"
    by_delegate = by(given)
    assert isinstance(by_delegate, Accepted)
    own = cast(by_delegate.step.after, both, ballot(), at=NOW + 2 * MINUTE, sign=unsigned)
    assert code(own) == "already_voted"
    assert isinstance(own, Refused)
    assert "Dan approved this on your behalf" in own.message


def test_two_delegates_of_one_right_fill_one_place() -> None:
    rule = ruling(requirements=asks(quality=2))
    first = by(delegation(ADA, DAN), of=request(rule))
    assert isinstance(first, Accepted)
    second = by(delegation(ADA, SAM), SAM, of=first.step.after)
    assert code(second) == "already_voted"
    assert isinstance(second, Refused)
    assert "Dan approved this" in second.message


def test_one_person_fills_one_place_however_many_rights_they_hold() -> None:
    rule = ruling(requirements=asks(quality=2))
    holder = standing_in(DAN, delegation(ADA, DAN), delegation(KIM, DAN))
    first = cast(
        request(rule),
        holder,
        ballot(of=request(rule), delegation_id=holder.delegations[0].delegation_id),
        at=NOW,
        sign=unsigned,
    )
    assert isinstance(first, Accepted)
    second = ballot(of=request(rule), delegation_id=holder.delegations[1].delegation_id, reason="also for Kim")
    assert code(cast(first.step.after, holder, second, at=NOW, sign=unsigned)) == "already_voted"
    own = standing_in(KIM, delegation(ADA, KIM))
    voted = after(request(rule), own)
    more = ballot(of=voted, delegation_id=own.delegations[0].delegation_id)
    assert code(cast(voted, own, more, at=NOW + 2 * MINUTE, sign=unsigned)) == "already_voted"


def test_the_same_vote_again_is_a_receipt_but_not_the_same_by_another_right() -> None:
    given = delegation(ADA, DAN)
    first = by(given)
    assert isinstance(first, Accepted)
    assert by(given, of=first.step.after) == Repeated(vote=first.vote)
    assert code(by(delegation(KIM, DAN), of=first.step.after)) == "already_voted"


@pytest.mark.parametrize(
    ("giver", "taker"),
    [
        (ERIN, DAN),  # whoever entered the device gives their right to another
        (ADA, person("erin", "clerks")),  # whoever entered it holds another's right
        (replace(ERIN, subject="u-1", known_as=("ERIN",)), DAN),  # by another of their names
    ],
    ids=["giver", "taker", "giver's other name"],
)
def test_whoever_entered_the_device_decides_neither_personally_nor_through_others(giver: Voter, taker: Voter) -> None:
    assert code(by(delegation(giver, taker), taker)) == "self_entered"


def test_a_rejection_by_a_delegate_rejects() -> None:
    result = by(delegation(ADA, DAN), decision="reject")
    assert isinstance(result, Accepted)
    assert result.step.after.status == "REJECTED"


def test_an_escalation_group_is_delegated_like_any_other() -> None:
    rule = ruling(escalate_after=3600, escalate_to="managers")
    boss = delegation(person("mia", "managers"), DAN, "managers")
    assert code(by(boss, of=request(rule))) == "not_eligible"
    assert isinstance(by(boss, of=request(rule), at=NOW + HOUR), Accepted)


def test_the_ways_in_which_somebody_may_vote() -> None:
    given, other = delegation(ADA, KIM), delegation(SAM, KIM, "security")
    kim = standing_in(KIM, given, other)
    assert ways(request(), kim, at=NOW) == (None, given, other)
    assert ways(after(request(), ADA), kim, at=NOW + MINUTE) == (None, other)
    assert ways(request(), DAN, at=NOW) == ()
    assert ways(request(), standing_in(DAN, given), at=given.until) == ()


# --- counting ------------------------------------------------------------------------------------------------------------

PEOPLE = ("ada", "bea", "cem")
GROUPS = ("quality", "security")
casts = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from((None, *PEOPLE)), st.sampled_from(GROUPS)), max_size=6
)


@given(cast_votes=casts, counts=st.dictionaries(st.sampled_from(GROUPS), st.integers(1, 2), min_size=1))
def test_a_quorum_takes_as_many_people_and_as_many_rights_as_places(
    cast_votes: list[tuple[str, str | None, str]], counts: dict[str, int]
) -> None:
    """Whatever a record holds, even votes that are refused when they are cast."""
    made = [
        signed_vote(
            who,
            groups=(group,),
            voted_at=NOW,
            on_behalf_of=None
            if of in (None, who)
            else OnBehalfOf(delegation_id="d", subject=of, name=of, group=group, until=NOW + DAY),
        )
        for who, of, group in cast_votes
    ]
    rule = ruling(requirements=asks(**counts))
    places = sum(counts.values())
    possible = any(
        len({vote.subject for vote in seated}) == len({vote.right_holder for vote in seated}) == places
        and all(place in vote.groups for place, vote in zip(_places(counts), seated, strict=True))
        for seated in permutations(made, places)
    )
    assert not is_met(rule, made, requested_at=NOW) or possible
    received = sum(part.received for part in progress(rule, made, requested_at=NOW))
    assert received <= min(len({vote.subject for vote in made}), len({vote.right_holder for vote in made}))


def _places(counts: dict[str, int]) -> list[str]:
    return [group for group, count in counts.items() for _ in range(count)]


def test_times_are_whole_milliseconds_so_that_what_is_read_is_what_was_written() -> None:
    made = delegate(rules(), ADA, asked(until=datetime(2026, 11, 24, 1, 2, 3, 456789, UTC)), at=NOW)
    assert isinstance(made, Delegation)
    assert made.until.microsecond == 456000
