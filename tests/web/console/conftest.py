"""A stack with devices in every condition: moto's tables, histories made by hand, and a console that shows them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gatehouse.console.server import Console
from gatehouse.revocation import authorities
from gatehouse.stack.target import Target
from tests import acts, aws_environment
from tests.web.console.stories import MACHINE, START, StepFunctions, Story, admitted, arn, rolled_back, stopped, waiting
from tests.web.console.visitor import Visitor
from workflows.dynamodb_items import to_item
from workflows.hashes import beginning

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202eevil"


class Stack(Target):
    """A stack whose Step Functions is told by stories."""

    def __init__(self, outputs: dict[str, str], sfn: StepFunctions) -> None:
        super().__init__("gatehouse")
        self.__dict__["outputs"] = outputs
        self.sfn = sfn

    def client(self, service: str) -> Any:
        return self.sfn if service == "stepfunctions" else aws_environment.client(service)

    def put(self, table: str, **item: Any) -> None:
        aws_environment.client("dynamodb").put_item(TableName=self.output(table), Item=to_item(item))

    def trail(self) -> list[dict[str, Any]]:
        """The audit trail, the oldest entry first."""
        s3, bucket = aws_environment.client("s3"), self.output("EvidenceBucket")
        keys = sorted(one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="trail/").get("Contents", []))
        return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]


def certificate(number: int) -> str:
    return f"{number:02x}" * 32


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Five certificates, one of each outcome; the refused one bears a name that attacks whoever shows it."""
    with aws_environment.running(monkeypatch) as environment:
        queue = aws_environment.client("sqs").create_queue(QueueName="rule-errors")["QueueUrl"]
        outputs = {
            "AdmissionsTable": environment["ADMISSIONS_TABLE"],
            "ApprovalsTable": environment["APPROVALS_TABLE"],
            "CrlBucket": environment["CRL_BUCKET"],
            "EvidenceBucket": environment["EVIDENCE_BUCKET"],
            "StateMachineArn": MACHINE,
            "ApprovalsUrl": environment["APPROVALS_URL"],
            "RuleErrorQueueUrl": queue,
        }
        held = Story("held", certificate(5)).to_device_lookup()
        monkeypatch.setattr(authorities, "list_all", lambda _: iter(()))  # moto knows no ListCACertificates
        made = Stack(outputs, StepFunctions(waiting(), admitted(), rolled_back(), stopped(), held))
        acts.serve(monkeypatch, made)
        _admissions(made)
        _approvals(made)
        yield made


@pytest.fixture
def console(stack: Stack) -> Iterator[Console]:
    """Shows `stack`, with leave to redrive."""
    with Console(stack, allow_redrive=True) as running:
        yield running


@pytest.fixture
def visitor(console: Console) -> Visitor:
    """Has opened the link."""
    return Visitor(console)


def _admissions(stack: Stack) -> None:
    rows: list[dict[str, Any]] = [
        {"outcome": "open", "execution": "waiting"},
        {"outcome": "admitted", "execution": "admitted", "device": "pump-0001", "knocks": 3, "reason": "expected"},
        {"outcome": "failed", "execution": "rolled-back", "device": "gateway-0006", "reason": "no such policy"},
        {
            "outcome": "refused",
            "execution": "stopped",
            "device": HOSTILE,
            "subject": f"CN={HOSTILE}",
            "reason": HOSTILE,
        },
        {"outcome": "held", "execution": "held", "device": "stranger-0004"},
    ]
    for number, row in enumerate(rows, start=1):
        name = row.pop("execution")
        stack.put(
            "AdmissionsTable",
            certificate_id=certificate(number),
            id_prefix=beginning(certificate(number)),
            execution_arn=arn(name),
            execution_name=name,
            claimed_at=f"2026-11-23T12:0{number}:00Z",
            **{"knocks": 1, **row},
        )
        stack.sfn.stories[arn(name)].events[0]["executionStartedEventDetails"]["input"] = json.dumps(
            {"certificateId": certificate(number)}
        )


def _approvals(stack: Stack) -> None:
    asked = datetime.now(UTC) - timedelta(hours=2)
    common: dict[str, Any] = {
        "item": "request",
        "execution_name": "x",
        "token_sha256": "0" * 64,
        "basis_sha256": "1" * 64,
        "snapshot_sha256": "2" * 64,
        "ruling": {
            "action": "people",
            "rule_id": "high-impact-product",
            "rule_version": "1",
            "rules_sha256": "3" * 64,
            "requirements": [{"group": "quality", "count": 1}, {"group": "security", "count": 1}],
            "remind_after": 3600,
        },
    }
    stack.put(
        "ApprovalsTable",
        **common,
        approval_id="a" * 32,
        certificate_id=certificate(1),
        execution_arn=arn("waiting"),
        status="PENDING",
        device="pump-0002",
        requested_at=_stamp(asked),
        decide_by=_stamp(asked + timedelta(hours=4)),
    )
    stack.put(
        "ApprovalsTable",
        **common,
        approval_id="b" * 32,
        certificate_id=certificate(3),
        execution_arn=arn("rolled-back"),
        status="APPROVED",
        resume_state="LOST",
        owed="LOST",
        lost_because="its execution had ended",
        device="gateway-0006",
        requested_at=_stamp(START),
        decided_at=_stamp(START),
        decide_by=_stamp(START),
    )


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
