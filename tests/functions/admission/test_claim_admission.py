"""One execution owns a certificate; every other knock is counted; turns keep their distance."""

import contextlib
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.admission.claim_admission.app import handler
from functions.shared.admissions import NEVER, Admissions
from functions.shared.clock import milliseconds
from tests import aws_environment, faults, pki
from tests.functions.admission.conftest import Gate
from tests.unit.admission.examples import CA, CERTIFICATE, sha256
from workflows.admission.contracts import Execution
from workflows.admission.errors import AdmissionNotOwned, EventMalformed
from workflows.errors import AwsUnavailable, BadInput

EVENT = aws_environment.registration_event(CERTIFICATE, CA)


def claim(name: str = "run-1", event: Any = EVENT) -> Any:
    return aws_environment.call(handler, {"event": event, "execution": aws_environment.execution(name)})


def run(name: str) -> Execution:
    return Execution(arn=f"{aws_environment.EXECUTIONS}:{name}", name=name, started_at=pki.NOW)


def test_the_first_execution_claims(gate: Gate) -> None:
    answer = claim()
    assert answer["status"] == "claimed"
    assert answer["owner"] == run("run-1").arn
    assert answer["turn_at"] == "2026-11-23T12:00:00Z"
    row = gate.admission(CERTIFICATE)
    assert (row["outcome"], row["reopen_at"], row["knocks"]) == ("open", NEVER, 1)
    assert row["claimed_at"] == row["last_seen"] == "2026-11-23T12:00:00Z"
    assert (row["execution_name"], row["ca_certificate_id"]) == ("run-1", CA)


def test_a_second_execution_is_a_duplicate_and_is_counted(gate: Gate) -> None:
    claim()
    answers = [claim(f"run-{number}") for number in range(2, 6)]
    assert {answer["status"] for answer in answers} == {"duplicate"}
    assert {answer["owner"] for answer in answers} == {run("run-1").arn}
    row = gate.admission(CERTIFICATE)
    assert (row["execution_arn"], row["knocks"]) == (run("run-1").arn, 5)


def test_a_duplicate_takes_no_turn(gate: Gate) -> None:
    claim()
    before = gate.dynamodb.scan(TableName="Turns")["Items"]
    claim("run-2")
    assert gate.dynamodb.scan(TableName="Turns")["Items"] == before


def test_a_repeat_by_the_same_execution_finds_its_claim_and_its_turn(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = claim()
    aws_environment.set_clock(monkeypatch, pki.NOW + timedelta(seconds=30))
    again = claim()
    assert again == first
    assert gate.admission(CERTIFICATE)["knocks"] == 1


def test_of_two_turns_taken_by_the_same_execution_the_first_stands(gate: Gate) -> None:
    """Lambda was asked twice at once: both must tell the machine the same moment."""
    claim()
    kept = datetime.fromisoformat(gate.admission(CERTIFICATE)["turn_at"])
    assert Admissions("Admissions").give_turn(CERTIFICATE, run("run-1"), pki.NOW + pki.HOUR) == kept


def test_dying_anywhere_in_between_leaves_a_claim_that_a_repeat_completes(gate: Gate) -> None:
    """Claimed without a turn, a turn taken and not kept: the next try goes on, for the same execution."""
    for number in faults.after_every_call(lambda: claim("run-1", aws_environment.registration_event(sha256("0"), CA))):
        event = aws_environment.registration_event(sha256(f"device {number}"), CA)
        with faults.dying_after(number), contextlib.suppress(faults.Died):
            claim("run-1", event)
        assert claim("run-2", event)["status"] == "duplicate"
        assert claim("run-1", event)["status"] == "claimed"


@pytest.mark.parametrize(("minutes", "status"), [(59, "duplicate"), (60, "claimed"), (61, "claimed")])
def test_a_held_device_may_start_anew_once_its_time_has_come(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, minutes: int, status: str
) -> None:
    claim()
    Admissions("Admissions").close(
        CERTIFICATE,
        run("run-1"),
        outcome="held",
        reason="x",
        at=pki.NOW,
        reopen_at=pki.NOW + timedelta(hours=1),
        device="pump-1",
    )
    aws_environment.set_clock(monkeypatch, pki.NOW + timedelta(minutes=minutes))
    assert claim("run-2")["status"] == status
    row = gate.admission(CERTIFICATE)
    assert row["outcome"] == ("open" if status == "claimed" else "held")


def test_what_an_earlier_admission_learned_is_forgotten_but_its_evidence_is_not(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim()
    admissions = Admissions("Admissions")
    admissions.note(CERTIFICATE, run("run-1"), inspected_at=pki.NOW)
    admissions.close(
        CERTIFICATE,
        run("run-1"),
        outcome="held",
        reason="no list",
        at=pki.NOW,
        reopen_at=pki.NOW,
        evidence_key="records/1.json",
        evidence_sha256=sha256("1"),
    )
    claim("run-2")
    row = gate.admission(CERTIFICATE)
    assert not {"reason", "closed_at", "inspected_at", "fault"} & set(row)
    assert row["evidence_key"] == "records/1.json"


@pytest.mark.parametrize("outcome", ["admitted", "refused"])
def test_a_settled_certificate_is_never_claimed_again(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, outcome: Any
) -> None:
    claim()
    Admissions("Admissions").close(CERTIFICATE, run("run-1"), outcome=outcome, reason="x", at=pki.NOW, reopen_at=None)
    aws_environment.set_clock(monkeypatch, pki.NOW + 50 * pki.YEAR)
    assert claim("run-2")["status"] == "duplicate"


def test_an_overtaken_execution_changes_nothing(gate: Gate) -> None:
    claim()
    admissions = Admissions("Admissions")
    admissions.close(CERTIFICATE, run("run-1"), outcome="held", reason="x", at=pki.NOW, reopen_at=pki.NOW)
    claim("run-2")
    before = gate.admission(CERTIFICATE)
    for change in (
        lambda: admissions.retain(CERTIFICATE, run("run-1")),
        lambda: admissions.note(CERTIFICATE, run("run-1"), subject="x"),
        lambda: admissions.give_turn(CERTIFICATE, run("run-1"), pki.NOW),
        lambda: admissions.close(CERTIFICATE, run("run-1"), outcome="admitted", reason="", at=pki.NOW, reopen_at=None),
    ):
        with pytest.raises(AdmissionNotOwned, match="run-2, not to"):
            change()
    assert not admissions.fail(CERTIFICATE, run("run-1").arn, fault="x", at=pki.NOW, reopen_at=pki.NOW)
    assert gate.admission(CERTIFICATE) == before


def test_an_admission_that_a_sweep_has_closed_is_its_executions_no_more(gate: Gate) -> None:
    """Whatever state it is redriven in; the first state among them ends it as a duplicate."""
    claim()
    gate.dynamodb.update_item(
        TableName="Admissions",
        Key={"certificate_id": {"S": CERTIFICATE}},
        UpdateExpression="SET outcome = :refused, revoked_by = :list, closed_by = :list",
        ExpressionAttributeValues={":refused": {"S": "refused"}, ":list": {"S": "0" * 64}},
    )
    admissions = Admissions("Admissions")
    changes: tuple[Callable[[], object], ...] = (
        lambda: admissions.retain(CERTIFICATE, run("run-1")),
        lambda: admissions.await_return(CERTIFICATE, run("run-1"), pki.NOW),
        lambda: admissions.close(CERTIFICATE, run("run-1"), outcome="held", reason="", at=pki.NOW, reopen_at=None),
    )
    for change in changes:
        with pytest.raises(AdmissionNotOwned, match="nobody, since it was revoked"):
            change()
    assert claim()["status"] == "duplicate"
    assert gate.admission(CERTIFICATE)["outcome"] == "refused"


def test_a_row_stays_below_what_a_rule_reads_whatever_a_certificate_calls_itself(gate: Gate) -> None:
    """AWS IoT may drop the action if get_dynamodb reads more than 8 KB. DynamoDB counts the bytes of names and values
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html)."""
    admissions, words = Admissions("Admissions"), "\U0001f511" * 4000
    name = "x" * 80
    claim(name)
    admissions.note(
        CERTIFICATE,
        run(name),
        inspected_at=pki.NOW,
        **dict.fromkeys(("subject", "common_name", "issuer_key", "serial"), words),
    )
    admissions.await_return(CERTIFICATE, run(name), pki.NOW)
    admissions.fail(CERTIFICATE, run(name).arn, fault=words, at=pki.NOW, reopen_at=pki.NOW)
    admissions.close(
        CERTIFICATE, run(name), outcome="admitted", reason=words, at=pki.NOW, reopen_at=None,
        evidence_key="k" * 300, evidence_sha256=sha256("k"), device="d" * 128,
    )  # fmt: skip
    row = gate.admission(CERTIFICATE)
    assert row["awaited"] == "return"
    assert row["subject"].endswith("\U0001f511…")
    assert (
        sum(len(key) + len(str(value).encode()) for key, value in row.items()) < 8 * 1024 - 500
    )  # and what a list's sweep notes


def test_nobodys_admission_is_not_owned(gate: Gate) -> None:
    with pytest.raises(AdmissionNotOwned, match="belongs to nobody"):
        Admissions("Admissions").retain(CERTIFICATE, run("run-1"))


def test_a_redriven_execution_reopens_what_was_marked_failed(gate: Gate) -> None:
    claim()
    admissions = Admissions("Admissions")
    assert admissions.fail(CERTIFICATE, run("run-1").arn, fault="x", at=pki.NOW, reopen_at=pki.NOW + pki.HOUR)
    assert claim()["status"] == "claimed"
    row = gate.admission(CERTIFICATE)
    assert (row["outcome"], row["reopen_at"]) == ("open", NEVER)


@pytest.mark.parametrize("event", [None, {}, {"certificateId": "x"}, EVENT | {"certificateStatus": "ACTIVE"}])
def test_an_event_that_is_none_claims_nothing(gate: Gate, event: Any) -> None:
    with pytest.raises(EventMalformed):
        claim(event=event)
    assert gate.dynamodb.scan(TableName="Admissions")["Items"] == []


def test_an_input_that_is_none_says_so(gate: Gate) -> None:
    with pytest.raises(BadInput, match="ClaimInput"):
        aws_environment.call(handler, {"event": EVENT})


def test_throttling_may_work_later(gate: Gate) -> None:
    with faults.refused("dynamodb", "UpdateItem", "ThrottlingException"), pytest.raises(AwsUnavailable):
        claim()
    assert claim()["status"] == "claimed"


def test_a_burst_gets_turns_a_tenth_of_a_second_apart(gate: Gate) -> None:
    given = [claim("run-1", aws_environment.registration_event(sha256(f"d{n}"), CA))["turn_at"] for n in range(5)]
    turns = [datetime.fromisoformat(turn) for turn in given]
    assert all(after - before >= timedelta(milliseconds=100) for before, after in itertools.pairwise(turns))
    assert turns[-1] - turns[0] < timedelta(seconds=2), "waited without need"


def test_never_is_the_last_moment_there_is() -> None:
    assert milliseconds(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)) == NEVER
