"""What may be decided in one act, and what not."""

import msgspec
import pytest
from msgspec.structs import replace

from tests.approvals import asked, request, ruling
from workflows.approval.bulk import MOST, Act, Ticked, all_green, unlike
from workflows.approval.opening import prepare
from workflows.approval.request import Request

FIRST = replace(request(), approval_id="1" * 32)
ALIKE = replace(request(), approval_id="2" * 32)


def test_alike_and_green() -> None:
    assert FIRST.green
    assert unlike((FIRST, ALIKE), "approve") == {}


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (replace(ALIKE, policy_name="gatehouse-telemetry-1"), "policy"),
        (replace(ALIKE, policy_name=None), "not known"),
        (replace(ALIKE, ruling=ruling(rule_id="wildcard-policy")), "wildcard-policy"),
        (replace(ALIKE, ruling=ruling(rule_version="8")), "version 8"),
        (replace(ALIKE, ruling=ruling(rules_sha256="0" * 64)), "rule"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_what_is_not_alike(other: Request, why: str, decision: str) -> None:
    [(identity, told)] = unlike((FIRST, other), decision).items()
    assert identity == "2" * 32
    assert why in told


def test_what_is_not_green_is_approved_by_itself_but_may_be_rejected_together() -> None:
    odd = replace(ALIKE, green=False)
    assert "look into" in unlike((FIRST, odd), "approve")["2" * 32]
    assert "look into" in unlike((odd,), "approve")["2" * 32]
    assert unlike((FIRST, odd), "reject") == {}


def test_one_that_was_opened_by_an_earlier_version_is_decided_by_itself() -> None:
    old = msgspec.to_builtins(ALIKE)
    del old["policy_name"], old["green"]
    assert unlike((msgspec.convert(old, Request),), "reject") != {}


def test_green_is_nothing_found() -> None:
    given = asked()
    assert all_green(given.certificate, given.revocation, given.device)
    assert not all_green(given.certificate, replace(given.revocation, status="unknown"), given.device)
    assert not all_green(given.certificate, given.revocation, replace(given.device, findings=("second_certificate",)))
    assert not all_green(given.certificate, given.revocation, replace(given.device, record=None))
    odd = replace(given, device=replace(given.device, findings=("wildcard_policy",)))
    assert prepare(odd, at=FIRST.requested_at)[0].green is False
    assert prepare(given, at=FIRST.requested_at)[0].policy_name == given.device.policy_name


@pytest.mark.parametrize("count", [0, MOST + 1])
def test_an_act_has_a_size(count: int) -> None:
    ballots = [{"approval_id": f"{number:032x}", "basis_sha256": "0" * 64} for number in range(count)]
    with pytest.raises(msgspec.ValidationError, match="length"):
        msgspec.convert({"decision": "approve", "reason": "", "meaning": "approval", "ballots": ballots}, Act)


def test_each_ballot_carries_its_own_evidence() -> None:
    ticked = Ticked(approval_id="1" * 32, basis_sha256="a" * 64)
    act = Act(decision="approve", reason="r", meaning="approval", ballots=(ticked,), delegation_id="d")
    ballot = act.ballot(ticked)
    assert (ballot.basis_sha256, ballot.reason, ballot.delegation_id) == ("a" * 64, "r", "d")
