"""The table of turns does what the arithmetic says, and an admission whose turn is lost takes another."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.admission.activate_certificate.app import handler as activate_certificate
from functions.admission.claim_admission.app import handler as claim
from functions.admission.inspect_certificate.app import handler as inspect
from functions.admission.take_turn.app import handler as take_turn
from functions.shared import clock
from functions.shared.settings import limits
from functions.shared.turns import Turns
from tests import aws_environment, faults, pki
from tests.functions.admission.conftest import Case, Gate
from tests.lanes import Lanes
from workflows.admission import contracts
from workflows.admission.errors import AdmissionNotOwned, TurnLost
from workflows.admission.turns import LANES, LAPSES_AFTER, calendar
from workflows.errors import AwsUnavailable, BadInput

NOW = clock.microseconds(pki.NOW)


def turns() -> Turns:
    return Turns("Turns", limits().pacing)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(st.tuples(st.sampled_from(LANES), st.integers(0, 300_000)), min_size=1, max_size=12))
def test_the_table_does_what_the_arithmetic_says(gate: Gate, asked: list[tuple[Any, int]]) -> None:
    gate.dynamodb.delete_item(TableName="Turns", Key={"lane": {"S": "all"}})
    table, memory, now, taken = turns(), Lanes(calendar(limits().pacing)), pki.NOW, []
    for lane, later in asked:
        now += timedelta(microseconds=later)
        taken.append((lane, table.take(lane, now)))
        assert clock.microseconds(taken[-1][1]) == memory.take(lane, clock.microseconds(now))
    for lane, at in taken:
        slot = clock.microseconds(at)
        assert table.use(lane, at, at) == memory.use(lane, slot, slot)


def test_a_table_that_others_never_leave_alone_is_an_outage(gate: Gate) -> None:
    with (
        faults.refused("dynamodb", "UpdateItem", "ConditionalCheckFailedException", times=999),
        pytest.raises(AwsUnavailable, match="No turn after 250 writes"),
    ):
        turns().take("admission", pki.NOW)


def test_another_fault_of_the_table_is_none_of_the_conditions(gate: Gate) -> None:
    with faults.refused("dynamodb", "UpdateItem", "ThrottlingException", times=9), pytest.raises(AwsUnavailable):
        turns().take("admission", pki.NOW)


@pytest.mark.parametrize(("early", "slept"), [(0.3, 0.3), (0, 0), (-5, -5), (40, 1)])
def test_what_the_wait_left_of_the_second_is_slept(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, early: float, slept: float
) -> None:
    sleeps: list[float] = []
    monkeypatch.setattr(clock, "sleep", sleeps.append)
    at = turns().take("admission", pki.NOW)
    assert turns().use("admission", at, at - timedelta(seconds=early))
    assert sleeps == [slept]


def test_a_lost_turn_is_given_back_for_another(case: Case) -> None:
    """The lane it was lent by needed it: inspection calls nothing, and the claim returns a later turn."""
    lanes, first = calendar(limits().pacing), case.gate.admission(case.certificate_id)["turn_at"]
    turn_at = clock.from_microseconds(NOW)
    while lanes.owner(clock.microseconds(turn_at)) != "sweep":
        turn_at = turns().take("admission", pki.NOW)
    while turns().take("sweep", pki.NOW) < turn_at:
        pass
    with faults.dying_after(0) as calls, pytest.raises(TurnLost, match="needed by another lane"):
        look(case, turn_at.isoformat())
    assert not [call for call in calls if call.startswith("iot.")]
    again = case.step(claim, event=case.event)
    assert again["status"] == "claimed"
    assert datetime.fromisoformat(again["turn_at"]) > datetime.fromisoformat(first)
    assert look(case, again["turn_at"])["status"] == "acceptable"


def test_a_lapsed_turn_is_lost_so_that_a_redrive_of_many_is_paced(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    first = case.gate.admission(case.certificate_id)["turn_at"]
    aws_environment.set_clock(monkeypatch, pki.NOW + timedelta(microseconds=LAPSES_AFTER + 200_000))
    with pytest.raises(TurnLost, match="has lapsed"):
        look(case, first)


@pytest.mark.parametrize("lane", ["carry_out", "sweep"])
def test_each_lane_takes_its_own_turns(gate: Gate, lane: str) -> None:
    first, second = (aws_environment.call(take_turn, {"lane": lane})["turn_at"] for _ in range(2))
    assert datetime.fromisoformat(second) - datetime.fromisoformat(first) == timedelta(milliseconds=100)
    assert set(gate.row("TURNS_TABLE", "lane", "all")) == {"lane", lane}


def test_admissions_are_given_their_turn_with_the_claim(gate: Gate) -> None:
    with pytest.raises(BadInput, match="TakeTurnInput"):
        aws_environment.call(take_turn, {"lane": "admission"})


def test_what_people_decided_waits_for_its_turn_unless_it_has_begun(case: Case) -> None:
    """Lost before anything is bound: nothing is. Lost by a repeat: it goes on, since what it bound must not stay behind."""
    facts, device = case.inspected(), case.looked_up()
    lapsed = (pki.NOW - timedelta(minutes=2)).isoformat()

    def activate(turn_at: str) -> Any:
        given = {"certificate": contracts.write(facts), "device": contracts.write(device), "approval": None}
        return case.step(activate_certificate, **given, turn_at=turn_at)

    with pytest.raises(TurnLost):
        activate(lapsed)
    assert case.gate.binding("pump-0042") == {}
    assert case.gate.status(case.certificate_id) == "PENDING_ACTIVATION"
    assert activate(aws_environment.call(take_turn, {"lane": "carry_out"})["turn_at"])["thing_name"] == "pump-0042"
    assert activate(lapsed)["thing_name"] == "pump-0042"


def test_the_turn_of_another_execution_is_not_touched(case: Case) -> None:
    with pytest.raises(AdmissionNotOwned):
        aws_environment.call(
            inspect, payload(case, "2026-11-20T12:00:00Z") | {"execution": aws_environment.execution("run-2")}
        )
    assert "turn_at" in case.gate.admission(case.certificate_id)


def look(case: Case, turn_at: str) -> Any:
    return aws_environment.call(inspect, payload(case, turn_at))


def payload(case: Case, turn_at: str) -> dict[str, Any]:
    return {
        "certificate_id": case.certificate_id,
        "ca_certificate_id": case.gate.ca_id,
        "execution": case.execution,
        "turn_at": turn_at,
    }
