"""Step Functions' events are best effort: what one would have recorded and sealed is recorded and sealed by reconciliation as well."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from functions.admission.record_failure.app import handler as record_failure
from functions.evidence.seal_failure.app import handler as seal_failure
from functions.shared import clock
from functions.shared.admissions import Admissions
from tests import aws_environment, faults, pki, records
from tests.functions.evidence.test_seal_failure import failed, kept
from tests.functions.reconciliation.conftest import Fleet
from workflows.admission.contracts import Execution
from workflows.canonical import sha256
from workflows.evidence.record import ActRecord
from workflows.reconciliation.findings import GRACE

PUMP = records.certificate_id()


class Unheard:
    """An execution that Step Functions describes, and the functions that reconciliation invokes, for real."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.status = "FAILED"
        self.ended_at = pki.NOW
        self.invoked: list[str] = []
        self.deaf = False

    def describe(self, **_: Any) -> Any:
        detail = failed()["detail"]
        parsed = {
            **detail,
            "status": self.status,
            "startDate": datetime.fromtimestamp(detail["startDate"] / 1000, pki.NOW.tzinfo),
            "stopDate": self.ended_at,
        }
        return SimpleNamespace(status_code=200), parsed

    def invoke(self, params: dict[str, Any], **_: Any) -> Any:
        event = json.loads(params["body"])
        assert params["headers"]["X-Amz-Invocation-Type"] == "Event"
        seals = "seal-failure" in params["url_path"]
        self.invoked.append("seal" if seals else "record")
        if not self.deaf:
            (seal_failure if seals else record_failure)(event, aws_environment.context())
        return SimpleNamespace(status_code=202), {"StatusCode": 202}


@pytest.fixture
def unheard(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Unheard]:
    """Of the pump's admission, a while after its execution failed."""
    owner: Execution = records.execution()
    Admissions("Admissions").claim(PUMP, sha256(b"ca"), owner, clock.now())
    found = Unheard(fleet.names)
    aws_environment.set_clock(monkeypatch, pki.NOW + GRACE + timedelta(minutes=1))
    with (
        faults.hooked("before-call.stepfunctions.DescribeExecution", found.describe, ("stepfunctions",)),
        faults.hooked("before-call.lambda.Invoke", found.invoke, ("lambda",)),
    ):
        yield found


def test_a_failure_that_no_event_told_is_recorded_and_sealed(fleet: Fleet, unheard: Unheard) -> None:
    assert fleet.reconcile() == {}, "it is no finding yet: both functions were told"
    row = Admissions("Admissions").find(PUMP)
    assert row is not None
    assert (unheard.invoked, row.outcome, row.reason) == (["record", "seal"], "failed", "AwsUnavailable: throttled")
    [record] = kept()
    assert isinstance(record, ActRecord)
    assert (record.act, record.reason, row.evidence_key) == (
        "execution_failed",
        "AwsUnavailable: throttled",
        record.key,
    )


def test_a_failure_that_was_recorded_and_not_sealed_is_sealed_once(
    fleet: Fleet, unheard: Unheard, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_failure(failed(), aws_environment.context())
    fleet.reconcile()
    assert unheard.invoked == [], "the event of the other function may still come"
    for _ in range(2):
        aws_environment.set_clock(monkeypatch, clock.now() + 2 * GRACE)
        fleet.reconcile()
        assert unheard.invoked == ["seal"]
        assert len(kept()) == 1


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "PENDING_REDRIVE"])
def test_what_did_not_end_badly_is_told_to_nobody(fleet: Fleet, unheard: Unheard, status: str) -> None:
    unheard.status = status
    fleet.reconcile()
    assert unheard.invoked == []


def test_what_ended_a_moment_ago_is_left_to_its_event(fleet: Fleet, unheard: Unheard) -> None:
    unheard.ended_at = clock.now()
    assert fleet.reconcile() == {}
    assert unheard.invoked == []


def test_what_telling_did_not_close_is_a_finding(
    fleet: Fleet, unheard: Unheard, monkeypatch: pytest.MonkeyPatch
) -> None:
    unheard.deaf = True
    assert fleet.reconcile() == {}
    aws_environment.set_clock(monkeypatch, pki.NOW + 3 * GRACE)
    assert fleet.reconcile().keys() == {("open_without_execution", PUMP)}
    assert unheard.invoked == ["record", "seal"] * 2
