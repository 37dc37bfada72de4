"""`gatehouse admissions redrive|reopen|forget|watch`: what each changes, refuses, asks and leaves in the trail."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from gatehouse.admission import admissions, reopening, watching
from gatehouse.errors import AnsweredNo
from gatehouse.stack.target import Target
from tests import aws_environment, pki
from tests.unit.gatehouse.commands import answer, entries, lose_the_trail, run
from workflows.dynamodb_items import to_item, to_plain

CERTIFICATE = "aa" * 32
NEVER = 253402300799000
WHY = ("--reason", "Entered by now")
NOW = datetime.now(UTC)
EXECUTION = f"{aws_environment.EXECUTIONS}:one"


def row(target: Target, outcome: str, **more: Any) -> dict[str, Any]:
    item = {
        "certificate_id": CERTIFICATE,
        "outcome": outcome,
        "claimed_at": NOW,
        "knocks": 7,
        "device": "pump-1",
        "issuer_key": "cd" * 32,
        "serial": "7",
        "execution_arn": EXECUTION,
        "reopen_at": NEVER,
        **more,
    }
    target.client("dynamodb").put_item(TableName=target.output("AdmissionsTable"), Item=to_item(item))
    return item


def kept(target: Target) -> dict[str, Any] | None:
    found = target.client("dynamodb").get_item(
        TableName=target.output("AdmissionsTable"), Key=to_item({"certificate_id": CERTIFICATE})
    )
    return to_plain(found["Item"]) if "Item" in found else None


@pytest.mark.parametrize("outcome", ["held", "failed", "refused"])
def test_reopened_admission_lets_the_next_knock_start_anew(target: Target, outcome: str) -> None:
    before = row(target, outcome)
    earliest = datetime.now(UTC).timestamp() * 1000
    done = answer("admissions", "reopen", "pump-1", *WHY, "--yes")
    latest = datetime.now(UTC).timestamp() * 1000
    assert done["done"] is True
    after = kept(target)
    assert after is not None
    assert earliest - 1000 <= after.pop("reopen_at") <= latest, "when it was signed, in whole seconds"
    assert after.pop("attempts") == 1, "the next knock starts an execution of another name"
    before = json.loads(json.dumps(before, default=lambda at: at.isoformat().replace("+00:00", "Z")))
    sealed = after.pop("evidence_key"), after.pop("evidence_sha256")
    assert sealed[0].startswith(f"records/{CERTIFICATE}/reopen-")
    assert after == {name: value for name, value in before.items() if name != "reopen_at"}
    assert [(one.result, one.reason, one.subject) for one in entries(target, "reopen")] == [
        ("begun", "Entered by now", CERTIFICATE),
        ("succeeded", "Entered by now", CERTIFICATE),
    ]
    assert entries(target, "reopen")[0].old == {"outcome": outcome, "reopen_at": NEVER}


@pytest.mark.parametrize("act", ["reopen", "forget", "redrive"])
def test_dry_run_a_no_and_no_answer_change_nothing(target: Target, act: str) -> None:
    row(target, "failed")
    before = kept(target)
    assert answer("admissions", act, "pump-1", *WHY, "--dry-run")["done"] is False
    assert "Nothing was changed" in run("admissions", act, "pump-1", *WHY, code=1, stdin="n\n").stderr
    run("admissions", act, "pump-1", *WHY, code=1, stdin="")
    assert kept(target) == before
    assert entries(target, act) == []


@pytest.mark.parametrize("act", ["reopen", "forget", "redrive"])
def test_reason_is_wanted_before_anything_is_looked_up(target: Target, act: str) -> None:
    run("admissions", act, "pump-1", code=2)
    assert "Got a reason of 0 characters" in run("admissions", act, "nobody", "--reason", "  ", code=2).stderr
    run("admissions", act, "nobody", "--reason", "x" * 501, "--yes", code=2)
    assert entries(target, act) == []


@pytest.mark.parametrize("act", ["reopen", "forget"])
def test_what_cannot_be_recorded_is_not_done(target: Target, act: str) -> None:
    row(target, "held")
    before = kept(target)
    lose_the_trail(target)
    assert "nothing was done" in run("admissions", act, "pump-1", *WHY, "--yes", code=3).stderr
    assert kept(target) == before


@pytest.mark.parametrize(
    ("act", "outcome"), [("reopen", "open"), ("redrive", "open"), ("reopen", "admitted"), ("forget", "open")]
)
def test_admission_that_must_not_be_touched_is_refused(
    target: Target, act: str, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admissions, "execution_status", lambda *_: "RUNNING")
    row(target, outcome)
    before = kept(target)
    assert CERTIFICATE in run("admissions", act, "pump-1", *WHY, "--yes", code=1).stderr
    assert kept(target) == before


def test_an_open_admission_whose_execution_ended_unheard_is_reopened(target: Target) -> None:
    """Nothing told the table: neither `redrive` nor `reopen` may send the operator to the other."""
    row(target, "open", execution_arn=f"{aws_environment.EXECUTIONS}:gone")
    refused = run("admissions", "redrive", "pump-1", *WHY, "--yes", code=1).stderr
    assert f"gatehouse admissions reopen {CERTIFICATE}" in " ".join(refused.split())
    assert answer("admissions", "reopen", "pump-1", *WHY, "--yes")["done"] is True
    after = kept(target)
    assert after is not None
    assert (after["outcome"], after["reopen_at"] < NEVER) == ("failed", True)
    assert after["evidence_key"].startswith(f"records/{CERTIFICATE}/reopen-")


@pytest.mark.parametrize("act", [reopening.reopen, reopening.forget])
def test_knock_that_came_meanwhile_keeps_its_admission(target: Target, act: Any) -> None:
    """The question was on the screen while an execution claimed the certificate."""
    row(target, "held")
    seen = admissions.show(target, CERTIFICATE)
    row(target, "open", execution_arn="arn:aws:states:eu-west-1:1:execution:m:another")
    before = kept(target)
    with pytest.raises(AnsweredNo, match="changed meanwhile"):
        act(target, seen, "Entered by now")
    assert kept(target) == before
    assert entries(target, act.__name__)[-1].result == "failed"


@pytest.mark.parametrize("before", [{}, {"evidence_key": "records/a/b.json", "evidence_sha256": "ef" * 32}])
def test_forgotten_certificate_leaves_what_the_next_record_is_chained_to(
    target: Target, before: dict[str, str]
) -> None:
    """A second record that began a chain of its own would make the evidence fail its verification."""
    row(target, "refused", reason="revoked", **before)
    run("admissions", "forget", "pump-1", *WHY, "--yes")
    after = kept(target)
    assert after is not None
    assert {"knocks", "serial", "issuer_key", "reason"} & set(after) == set()
    assert (after["evidence_key"].rpartition("-")[0], after["device"]) == (f"records/{CERTIFICATE}/forget", "pump-1")
    assert [one.result for one in entries(target, "forget")] == ["begun", "succeeded"]
    assert after["reopen_at"] <= datetime.now(UTC).timestamp() * 1000
    assert after["execution_arn"] == "forgotten"


def test_certificate_that_aws_iot_still_has_is_not_forgotten(target: Target) -> None:
    """A list that revokes it later finds it through its admission."""
    authority = pki.authority()
    iot = target.client("iot")
    certificate_id = iot.register_certificate_without_ca(
        certificatePem=pki.pem(pki.device(authority)), status="INACTIVE"
    )["certificateId"]
    row(target, "admitted", certificate_id=certificate_id)
    assert "still in AWS IoT (INACTIVE)" in run("admissions", "forget", certificate_id, *WHY, "--yes", code=1).stderr
    assert admissions.show(target, certificate_id).serial == "7"


def test_only_what_failed_is_redriven(target: Target) -> None:
    row(target, "held")
    assert "only a failed execution" in run("admissions", "redrive", "pump-1", *WHY, "--yes", code=1).stderr


def test_redrive_of_an_execution_that_is_gone_is_named(target: Target) -> None:
    """Step Functions keeps an execution for 90 days."""
    row(target, "failed")
    assert "not there any more" in run("admissions", "redrive", "pump-1", *WHY, "--yes", code=1).stderr
    assert [one.result for one in entries(target, "redrive")] == ["begun", "failed"]


def test_redriven_execution_is_the_admission_s_own(target: Target) -> None:
    row(target, "failed")
    asked: list[str] = []

    def redrive(executionArn: str, clientToken: str) -> None:  # noqa: N803 - as boto3 has it
        asked.append(executionArn)

    stopped = {"status": "FAILED", "name": "e", "startDate": NOW}
    target.client("stepfunctions").redrive_execution = redrive
    target.client("stepfunctions").describe_execution = lambda **_: stopped
    assert answer("admissions", "redrive", "pump-1", *WHY, "--yes")["done"] is True
    assert asked == [EXECUTION]
    assert entries(target, "redrive")[-1].result == "succeeded"


def lambda_answers(target: Target, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    fault = json.dumps({"errorType": kind, "errorMessage": "why"}).encode()
    answered = {"FunctionError": "Unhandled", "Payload": io.BytesIO(fault)}
    monkeypatch.setattr(target.client("lambda"), "invoke", lambda **_: answered)


@pytest.mark.parametrize("act", ["reopen", "forget"])
@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("AwsUnavailable", (3, "could not be sealed")),
        ("CallerNotProven", (4, "does not accept your identity")),
        ("EvidenceConflict", (3, "unless a record says so")),
    ],
)
def test_what_the_stack_does_not_seal_is_told_and_on_the_trail(
    target: Target, monkeypatch: pytest.MonkeyPatch, act: str, kind: str, told: tuple[int, str]
) -> None:
    row(target, "held")
    before = kept(target)
    lambda_answers(target, monkeypatch, kind)
    assert told[1] in run("admissions", act, "pump-1", *WHY, "--yes", code=told[0]).stderr
    assert kept(target) == before
    assert [one.result for one in entries(target, act)] == ["begun", "failed"]


def test_an_operator_who_may_not_ask_is_told(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "Invoke")

    row(target, "held")
    monkeypatch.setattr(target.client("lambda"), "invoke", refuse)
    assert "Nothing was done" in run("admissions", "reopen", "pump-1", *WHY, "--yes", code=4).stderr


def test_no_answer_does_not_claim_that_nothing_was_done(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(**_: Any) -> Any:
        raise ReadTimeoutError(endpoint_url="https://lambda.example")

    row(target, "held")
    monkeypatch.setattr(target.client("lambda"), "invoke", hang)
    assert "gatehouse evidence show" in run("admissions", "reopen", "pump-1", *WHY, "--yes", code=3).stderr


def test_watch_tells_what_is_there_and_then_what_changes(target: Target) -> None:
    row(target, "open")
    first = run("admissions", "watch", "--for", "0", "--json").stdout.splitlines()
    assert [json.loads(line)["outcome"] for line in first] == ["open"]
    looks = iter([False, True])

    def pause(_: float) -> None:
        if next(looks):
            row(target, "admitted")

    seen = []
    for found in watching.changes(target, limit=5, every=2, within=None, pause=pause):
        seen.append(found.outcome)
        if found.outcome == "admitted":
            break
    assert seen == ["open", "admitted"]
