"""A request that is open in the table, people who vote through the API, and Step Functions in memory."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.admission.read_decision.app import handler as read_decision
from functions.admission.request_approval.app import handler as request_approval
from functions.approval.approvals_web.app import handler as approvals_web
from functions.approval.resume_execution import executions
from functions.approval.resume_execution.app import handler as resume_execution
from functions.shared import aws, request_history
from functions.shared.admissions import Admissions
from functions.shared.approvals import Approvals
from tests import aws_environment, rights
from tests.approvals import NOW, api_event, asked, claims, execution
from workflows.admission import contracts
from workflows.approval.request import Request, approval_id
from workflows.approval.request_history import AuditEvent
from workflows.approval.votes import Voter


class StepFunctions:
    """Executions that wait on tokens. As strict as the service: a token is good once, and only while its task waits."""

    def __init__(self) -> None:
        self.waiting: dict[str, str] = {}  # token → execution
        self.status: dict[str, str] = {}
        self.history: dict[str, list[tuple[str, str]]] = {}  # event type and state name, oldest first
        self.outputs: list[str] = []
        self.failing = False

    def waits(self, token: str, arn: str) -> None:
        """The state is entered: earlier tokens of this execution are spent."""
        self.waiting = {old: of for old, of in self.waiting.items() if of != arn} | {token: arn}
        self.status[arn] = "RUNNING"
        self.history.setdefault(arn, []).append(("TaskStateEntered", "Request approval"))

    def ends(self, arn: str, status: str = "ABORTED") -> None:
        self.waiting = {token: of for token, of in self.waiting.items() if of != arn}
        self.status[arn] = status

    def send_task_success(self, *, taskToken: str, output: str) -> dict[str, Any]:  # noqa: N803
        rights.judge("stepfunctions", "SendTaskSuccess")
        if self.failing:
            raise error("ServiceUnavailable", 503)
        arn = self.waiting.pop(taskToken, None)
        if arn is None:
            raise error("TaskTimedOut")
        self.outputs.append(output)
        self.history[arn] += [("TaskStateExited", "Request approval"), ("TaskStateEntered", "Read decision")]
        return {}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        rights.judge("stepfunctions", "DescribeExecution", executionArn=executionArn)
        if executionArn not in self.status:
            raise error("ExecutionDoesNotExist")
        return {"status": self.status[executionArn]}

    def get_paginator(self, _: str) -> "StepFunctions":
        return self

    def paginate(self, *, executionArn: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        """One event a page."""
        rights.judge("stepfunctions", "GetExecutionHistory", executionArn=executionArn)
        for number, (kind, name) in enumerate(self.history[executionArn]):
            detail = "stateEnteredEventDetails" if kind == "TaskStateEntered" else "stateExitedEventDetails"
            yield {"events": [{"id": number + 1, "type": kind, detail: {"name": name}}]}


def error(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Op")  # type: ignore[typeddict-item]


class Scene:
    """Everything a test of approvals does, from outside: the handlers and the table."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
        self.environment = environment
        self.now = NOW
        self.step_functions = StepFunctions()
        self.approvals = Approvals(environment["APPROVALS_TABLE"])
        self._monkeypatch = monkeypatch
        real = aws.client
        monkeypatch.setattr(
            executions, "client", lambda name: self.step_functions if name == "stepfunctions" else real(name)
        )

    @staticmethod
    def client(service: str) -> Any:
        return aws_environment.client(service)

    def at(self, moment: datetime) -> None:
        self.now = moment
        aws_environment.set_clock(self._monkeypatch, moment)

    def asks(self, given: contracts.RequestApprovalInput | None = None, *, claimed: bool = True) -> str:
        """The state *Request approval* is entered. Returns the approval id."""
        given = given or asked()
        identity = given.certificate.certificate_id
        if claimed:
            admissions = Admissions(self.environment["ADMISSIONS_TABLE"])
            admissions.claim(identity, given.certificate.ca_certificate_id, given.execution, NOW)
        self.step_functions.waits(given.task_token, given.execution.arn)
        request_approval(contracts.write(given), aws_environment.context())
        return approval_id(given.execution.arn, identity)

    def request(self, identity: str | None = None) -> Request:
        return self.approvals.get(identity or self.id)

    def events(self, identity: str) -> list[AuditEvent]:
        """The whole trail of a request."""
        found: list[AuditEvent] = []
        left: str | None = None
        while True:
            page = request_history.events(self.approvals.table, identity, after=left)
            found, left = [*found, *page.events], page.left
            if left is None:
                return found

    @property
    def id(self) -> str:
        return approval_id(execution().arn, asked().certificate.certificate_id)

    def api(self, method: str, path: str, who: Voter | dict[str, Any] | None = None, **more: Any) -> tuple[int, Any]:
        """Call the API signed in as `who`. Returns the status and the JSON."""
        signed_in = claims(who, at=self.now) if isinstance(who, Voter) else who
        answer = approvals_web(api_event(method, path, signed_in=signed_in, **more), aws_environment.context())
        assert answer["headers"]["Content-Type"] == "application/json"
        assert answer["headers"]["Cache-Control"] == "no-store"
        return answer["statusCode"], json.loads(answer["body"] or "null")

    def votes(self, who: Voter, decision: str = "approve", **unusual: Any) -> tuple[int, Any]:
        body = {
            "decision": decision,
            "reason": "Matches delivery note 7",
            "meaning": "approval" if decision == "approve" else "rejection",
            "basis_sha256": asked().device.basis_sha256,
            **unusual,
        }
        return self.api("POST", f"/api/approvals/{self.id}/vote", who, body=body)

    def streams(self, *identities: str) -> Any:
        """The stream delivers the change of these requests."""
        records = [
            {
                "eventID": str(number),
                "eventName": "MODIFY",
                "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "Keys": {"approval_id": {"S": identity}, "item": {"S": "request"}},
                    "SequenceNumber": str(100 + number),
                },
            }
            for number, identity in enumerate(identities or (self.id,))
        ]
        return resume_execution({"Records": records}, aws_environment.context())

    def sweeps(self) -> Any:
        return resume_execution({"source": "aws.events"}, aws_environment.context())

    def reads(self, **unusual: Any) -> contracts.Decision:
        given = {
            "certificate_id": asked().certificate.certificate_id,
            "execution": contracts.write(execution()),
            **unusual,
        }
        return contracts.read(contracts.Decision, read_decision(given, aws_environment.context()))

    def everything_kept(self) -> str:
        """The whole table as text."""
        pages = boto3.client("dynamodb", region_name=aws_environment.REGION).get_paginator("scan")
        found = pages.paginate(TableName=self.environment["APPROVALS_TABLE"])
        return "".join(str(page["Items"]) for page in found)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Scene:
    return Scene(monkeypatch, environment)
