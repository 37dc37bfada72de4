"""A failed execution leaves no admission open for ever, and never goes unnoticed."""

import json
from typing import Any

import pytest

from functions.admission.record_failure.app import handler
from functions.shared.admissions import NEVER, Admissions
from functions.shared.clock import milliseconds
from tests import aws_environment, faults, pki
from tests.functions.admission.conftest import Case
from workflows.admission.contracts import Execution
from workflows.admission.errors import IssuerMismatch
from workflows.errors import AwsUnavailable, BadInput


def status_change(execution: dict[str, str], given: Any, status: str = "FAILED", **detail: Any) -> dict[str, Any]:
    """As EventBridge delivers it."""
    return {
        "version": "0",
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {
            "executionArn": execution["arn"],
            "stateMachineArn": f"arn:aws:states:{aws_environment.REGION}:{aws_environment.ACCOUNT}:stateMachine:Admission",
            "name": execution["name"],
            "status": status,
            "startDate": milliseconds(pki.NOW),
            "stopDate": milliseconds(pki.NOW),
            "input": json.dumps(given),
            "inputDetails": {"included": True},
            "output": None,
            "error": "AwsUnavailable",
            "cause": "throttled",
            **detail,
        },
    }


def record(event: Any) -> str:
    status: str = aws_environment.call(handler, event)["status"]
    return status


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_the_admission_is_marked_and_people_are_told(case: Case, inbox: aws_environment.Inbox, status: str) -> None:
    assert record(status_change(case.execution, case.event, status)) == "marked"
    row = case.gate.admission(case.certificate_id)
    assert (row["outcome"], row["fault"]) == ("failed", "AwsUnavailable: throttled")
    assert row["reopen_at"] == milliseconds(pki.NOW) + 15 * 60_000
    (mail,), _ = inbox.read()
    assert "redrive" in mail["Message"]
    assert "after 2026-11-23 12:15 UTC" in mail["Message"]
    assert mail["MessageAttributes"]["kind"]["Value"] == "execution_failed"


def test_a_second_delivery_changes_nothing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    event = status_change(case.execution, case.event)
    record(event)
    before = case.gate.admission(case.certificate_id)
    aws_environment.set_clock(monkeypatch, pki.NOW + pki.HOUR)
    assert record(event) == "unchanged"
    assert case.gate.admission(case.certificate_id) == before


def test_a_late_delivery_does_not_touch_the_next_execution(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    event = status_change(case.execution, case.event)
    record(event)
    aws_environment.set_clock(monkeypatch, pki.NOW + pki.HOUR)
    case.gate.claimed(case.event, "run-2")
    assert record(event) == "unchanged"
    assert case.gate.admission(case.certificate_id)["outcome"] == "open"


@pytest.mark.parametrize("outcome", ["admitted", "refused", "held", "failed"])
def test_an_end_that_was_sealed_stands(case: Case, inbox: aws_environment.Inbox, outcome: Any) -> None:
    """The execution failed at Notify: what became of the device is known, but nobody was told."""
    execution = Execution(arn=case.execution["arn"], name="run-1", started_at=pki.NOW)
    Admissions("Admissions").close(
        case.certificate_id, execution, outcome=outcome, reason="x", at=pki.NOW, reopen_at=None
    )
    assert record(status_change(case.execution, case.event)) == "unchanged"
    row = case.gate.admission(case.certificate_id)
    assert (row["outcome"], row["reopen_at"]) == (outcome, NEVER)
    assert len(inbox.read()[0]) == 1


def test_the_workflows_own_failure_raises_no_second_alarm(case: Case, inbox: aws_environment.Inbox) -> None:
    record(status_change(case.execution, case.event, error="AdmissionFailed"))
    assert inbox.read()[0] == []


@pytest.mark.parametrize("given", [None, {}, [], "x", {"certificateId": "<script>"}])
def test_an_execution_that_was_no_admission_is_an_alarm_only(
    case: Case, inbox: aws_environment.Inbox, given: Any
) -> None:
    rows = case.gate.dynamodb.scan(TableName="Admissions")["Items"]
    assert record(status_change(case.execution, given, error="EventMalformed")) == "unchanged"
    assert case.gate.dynamodb.scan(TableName="Admissions")["Items"] == rows
    (mail,), _ = inbox.read()
    assert "only start_admissions should start executions" in mail["Message"]


def test_a_certificate_that_was_never_claimed_gets_no_row(case: Case, inbox: aws_environment.Inbox) -> None:
    event = aws_environment.registration_event("0" * 64, case.gate.ca_id)
    assert record(status_change(case.execution, event)) == "unchanged"
    assert case.gate.admission("0" * 64) == {}
    assert len(inbox.read()[0]) == 1


def test_a_cause_written_by_an_attacker_is_one_visible_line(case: Case, inbox: aws_environment.Inbox) -> None:
    record(status_change(case.execution, case.event, cause="a\r\nWhat next: approve it\u202e"))
    assert "\n" not in case.gate.admission(case.certificate_id)["fault"]
    (mail,), _ = inbox.read()
    assert mail["Message"].count("\nWhat next:") == 1


def test_failures_are_counted(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    record(status_change(case.execution, case.event, "TIMED_OUT"))
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    (metric,) = [line for line in lines if "_aws" in line]
    assert (metric["ExecutionFailed"], metric["status"]) == ([1.0], "TIMED_OUT")


def test_throttling_is_retried_by_eventbridge(case: Case, inbox: aws_environment.Inbox) -> None:
    event = status_change(case.execution, case.event)
    for service, operation in (("dynamodb", "UpdateItem"), ("events", "PutEvents")):
        with faults.refused(service, operation, "ThrottlingException", times=9), pytest.raises(AwsUnavailable):
            record(event)
    record(event)
    assert case.gate.admission(case.certificate_id)["outcome"] == "failed"
    assert len(inbox.read()[0]) == 1


def test_another_event_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="EndedBadly"):
        record({"detail": {"status": "SUCCEEDED"}})


def test_people_are_not_woken_by_a_trial(case: Case, inbox: aws_environment.Inbox) -> None:
    Admissions("Admissions").mark_trial(case.certificate_id)
    assert record(status_change(case.execution, case.event)) == "marked"
    assert case.gate.admission(case.certificate_id)["outcome"] == "failed"
    assert inbox.read()[0] == []


def test_attack_a_note_that_proves_nothing_silences_no_failure(case: Case, inbox: aws_environment.Inbox) -> None:
    case.gate.s3.put_object(Bucket="gatehouse-crls", Key=f"trials/{case.gate.ca_id}.json", Body=b"whatever")
    with pytest.raises(IssuerMismatch):
        case.inspected()
    record(status_change(case.execution, case.event))
    assert len(inbox.read()[0]) == 1
