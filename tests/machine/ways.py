"""The ways through the admission that faults and mutants are tried on: what stands before, what people do, and how it must end."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from cryptography import x509
from moto.dynamodb.models import dynamodb_backends

from functions.admission.record_failure.app import handler as record_failure
from functions.admission.take_turn.app import handler as take_turn
from functions.evidence.seal_failure.app import handler as seal_failure
from functions.revocation.find_revoked.app import handler as find_revoked
from functions.revocation.report_sweep.app import handler as report_sweep
from functions.revocation.revoke_certificate.app import handler as revoke_certificate
from functions.shared import clock
from functions.shared.settings import policy
from tests import aws_environment, pki
from tests.machine import harness, people
from tests.machine.conftest import Fleet
from tests.machine.walker import Walk
from workflows.admission.facts import issuer_key
from workflows.approval.request import approval_id
from workflows.dynamodb_items import to_plain
from workflows.revocation.errors import AdmissionStillOpen

Call = tuple[str, str]
"""A call to AWS: service and operation."""
Around = Callable[[Walk, str, Callable[[], Any]], Any]
"""Stands between the machine and a step's function: calls it, or does something else."""


@dataclass(frozen=True)
class Way:
    """One way through the graph, and the end that it must come to in spite of everything."""

    name: str
    outcome: str
    status: str
    product: str = ""
    valid_for: timedelta | None = None
    """The certificate's; None: as usual."""
    prepare: Callable[["Gate", "Device"], None] = lambda _gate, _device: None
    decide: Callable[["Gate", "Walk", "Device"], None] | None = None


@dataclass
class Device:
    """One device before the gate."""

    name: str
    certificate: x509.Certificate
    event: dict[str, Any]
    walks: list[Walk] = field(default_factory=list)

    @property
    def certificate_id(self) -> str:
        return str(self.event["certificateId"])


class Gate:
    """moto with the tables and buckets, and the walker instead of moto's Step Functions."""

    def __init__(self, definition: dict[str, Any], fleet: Fleet) -> None:
        self.definition, self.fleet = definition, fleet
        self.around: Around = lambda _walk, _step, call: call()
        self.activated: list[str] = []
        self.now = pki.NOW
        self._waiting: dict[str, Walk] = {}
        self._made = 0
        self._lists = 1

    def arrives(self, way: Way) -> Device:
        """A new device of this way; the clock and the tables begin anew."""
        self._made += 1
        self.at(pki.NOW)
        _empty_tables()
        name = f"pump-{self._made:04d}"
        self.fleet.expect(name, product=way.product, thing_type="pump", groups=("pumps",))
        unusual = {"not_after": pki.NOW + way.valid_for} if way.valid_for else {}
        certificate = self.fleet.device(name, label="every device of a sweep", **unusual)
        device = Device(name, certificate, self.fleet.registers(certificate))
        way.prepare(self, device)
        return device

    def at(self, moment: datetime) -> None:
        self.now = moment
        self.fleet.at(moment)

    def later(self, **by: float) -> None:
        self.at(self.now + timedelta(**by))

    def publish(self, *revoked: x509.Certificate) -> None:
        self._lists += 1
        self.fleet.publish_list(*revoked, number=self._lists)

    def revokes(self, device: Device) -> datetime:
        """A list revokes the device's certificate, and is swept at once; answers when."""
        self.later(seconds=1)
        self.publish(device.certificate)
        self.sweeps()
        return self.now

    def sweeps(self) -> None:
        """The sweep of the current list, as its machine goes: an admission that is open is left to the next one."""
        key, execution = issuer_key(self.fleet.ca.certificate), aws_environment.execution(f"sweep-{self._lists}")
        asked = {"issuer_key": key, "slot": f"{key}/complete", "execution": execution}
        found = aws_environment.call(find_revoked, asked)
        s3 = self.fleet.client("s3")
        kept = s3.get_object(Bucket=found["bucket"], Key=found["key"])["Body"].read() if found["revoked"] else b"[]"
        for item in json.loads(kept):
            turn = aws_environment.call(take_turn, {"lane": "sweep"})
            self._passes(turn["turn_at"])
            with suppress(AdmissionStillOpen):
                aws_environment.call(revoke_certificate, {"item": item, **turn, "execution": execution})
        aws_environment.call(report_sweep, {"found": found, "execution": execution})

    def knocks(self, device: Device) -> Walk:
        """AWS IoT publishes the event once more: an execution goes as far as it can."""
        arn = f"{aws_environment.EXECUTIONS}:{device.certificate_id[:16]}-{len(device.walks)}"
        started = self.now.astimezone(UTC).isoformat().replace("+00:00", "Z")
        walk = Walk(self.definition, self._invoke, device.event, arn, started, attempts=2, passing=self._passes)
        device.walks.append(walk)
        return self.goes(walk, walk.go)

    def goes(self, walk: Walk, on: Callable[[], Walk]) -> Walk:
        """On, until it ends or waits. An end without closing is told to those who listen for it, as EventBridge does."""
        on()
        if walk.status == "WAITING":
            self._waiting[walk.token] = walk
        if walk.status == "FAILED":
            self.fails(walk)
        return walk

    def fails(self, walk: Walk) -> None:
        at = clock.milliseconds(self.now)
        detail = {
            "executionArn": walk.arn, "name": walk.name, "status": "FAILED", "startDate": at, "stopDate": at,
            "input": json.dumps(walk.event), "error": walk.error, "cause": walk.cause,
        }  # fmt: skip
        for handler in (seal_failure, record_failure):
            handler({"source": "aws.states", "detail": detail}, aws_environment.context())

    def row(self, device: Device) -> dict[str, Any]:
        key = {"certificate_id": {"S": device.certificate_id}}
        found = self.fleet.client("dynamodb").get_item(TableName="Admissions", Key=key).get("Item")
        return to_plain(found) if found else {}

    def approval(self, walk: Walk, device: Device) -> dict[str, Any]:
        """The request's item; empty if nobody was asked."""
        key = {"approval_id": {"S": approval_id(walk.arn, device.certificate_id)}, "item": {"S": "request"}}
        found = self.fleet.client("dynamodb").get_item(TableName="Approvals", Key=key).get("Item")
        return to_plain(found) if found else {}

    def _passes(self, timestamp: str) -> None:
        moment = datetime.fromisoformat(timestamp)
        if moment > self.now:
            self.at(moment)

    def _invoke(self, walk: Walk, step: str, payload: dict[str, Any]) -> Any:
        folder = harness.folder(step.strip("${}"))
        handler = import_module(f"functions.admission.{folder}.app").handler
        return self.around(walk, folder, lambda: handler(payload, aws_environment.context()))

    def answer(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Step Functions, to the function that resumes executions."""
        match operation:
            case "SendTaskSuccess":
                walk = self._waiting.pop(params["taskToken"], None)
                if walk is None or walk.token != params["taskToken"]:
                    raise ClientError({"Error": {"Code": "TaskDoesNotExist", "Message": "no such token"}}, operation)
                self.goes(walk, lambda: walk.called_back(json.loads(params["output"])))
                return {}
            case _:
                raise AssertionError(f"nobody is to call {operation} here: a decision was not taken up")


def _empty_tables() -> None:
    """moto copies every table in each transaction: what earlier devices left would make each case slower than the one before."""
    for table in dynamodb_backends[aws_environment.ACCOUNT][aws_environment.REGION].tables.values():
        table.items.clear()
        if table.stream_shard:
            table.stream_shard.items.clear()


@contextmanager
def gate(definition: dict[str, Any]) -> Iterator[Gate]:
    """A gate in an environment of its own."""
    with pytest.MonkeyPatch.context() as patch:
        aws_environment.set_clock(patch, pki.NOW)
        config = {**aws_environment.MOTO, "lambda": {"use_docker": False}}
        with aws_environment.running(patch, config) as names, redirect_stdout(StringIO()):
            made = Gate(definition, Fleet(None, names, patch))  # type: ignore[arg-type] # no machine of moto's
            call = BaseClient._make_api_call  # type: ignore[attr-defined]

            def answered(client: Any, operation: str, params: dict[str, Any]) -> Any:
                if operation in {"SendTaskSuccess", "GetExecutionHistory"}:
                    return made.answer(operation, params)
                return call(client, operation, params)

            patch.setattr(BaseClient, "_make_api_call", answered)
            yield made


def _vote(walk: Walk, device: Device, *votes: tuple[str, str, str]) -> None:
    for name, group, decision in votes:
        status, told = people.vote(walk.arn, device.certificate_id, people.claims(name, group), decision)
        assert status == 200, told
    people.resume_due()


def _approve(_gate: Gate, walk: Walk, device: Device) -> None:
    _vote(walk, device, ("quinn", "quality", "approve"), ("sam", "security", "approve"))


def _reject(_gate: Gate, walk: Walk, device: Device) -> None:
    _vote(walk, device, ("quinn", "quality", "approve"), ("sam", "security", "reject"))


def _nobody(gate: Gate, walk: Walk, _device: Device) -> None:
    gate.later(days=2)
    gate.goes(walk, walk.timed_out)


def _revoked_meanwhile(gate: Gate, walk: Walk, device: Device) -> None:
    gate.publish(device.certificate)
    _approve(gate, walk, device)


def _denied_meanwhile(gate: Gate, walk: Walk, device: Device) -> None:
    gate.fleet.expect(device.name, product="infusion-pump", thing_type="pump", groups=("pumps",), effect="deny")
    _approve(gate, walk, device)


def _changed_meanwhile(gate: Gate, walk: Walk, device: Device) -> None:
    gate.fleet.expect(device.name, product="infusion-pump", thing_type="pump", groups=("admins",))
    _approve(gate, walk, device)


def _unknown(gate: Gate, device: Device) -> None:
    gate.fleet.client("dynamodb").delete_item(TableName="Inventory", Key={"lookup_key": {"S": f"name#{device.name}"}})


def _deny(gate: Gate, device: Device) -> None:
    gate.fleet.expect(device.name, effect="deny")


def _another_policy(gate: Gate, _device: Device) -> None:
    """Somebody changed our policy in AWS IoT: nobody gets it, ever."""
    iot, ours = gate.fleet.client("iot"), policy("device")
    assert ours is not None
    if ours.name not in {one["policyName"] for one in iot.list_policies()["policies"]}:
        iot.create_policy(policyName=ours.name, policyDocument='{"Version": "2012-10-17", "Statement": []}')


def _lists_gone(gate: Gate, _device: Device) -> None:
    gate.fleet.withdraw_lists()


def _lists_gone_meanwhile(gate: Gate, walk: Walk, device: Device) -> None:
    gate.fleet.withdraw_lists()
    _approve(gate, walk, device)


WAYS = (
    Way("automatic", "admitted", "ACTIVE"),
    Way("approved", "admitted", "ACTIVE", product="infusion-pump", decide=_approve),
    Way("rejected", "refused", "INACTIVE", product="infusion-pump", decide=_reject),
    Way("expired", "held", "PENDING_ACTIVATION", product="infusion-pump", decide=_nobody),
    Way("revoked", "refused", "REVOKED", prepare=lambda gate, device: gate.publish(device.certificate)),
    Way("denied", "refused", "INACTIVE", prepare=_deny),
    Way("unknown", "held", "PENDING_ACTIVATION", prepare=_unknown),
    Way("rolled back", "failed", "INACTIVE", prepare=_another_policy),
    Way("revoked while people thought", "refused", "REVOKED", product="infusion-pump", decide=_revoked_meanwhile),
    Way("denied while people thought", "refused", "INACTIVE", product="infusion-pump", decide=_denied_meanwhile),
)
"""The ways on which faults are tried."""
MORE_WAYS = (
    Way("outside the limits", "refused", "INACTIVE", valid_for=100 * pki.YEAR),
    Way(
        "changed while people thought", "held", "PENDING_ACTIVATION", product="infusion-pump", decide=_changed_meanwhile
    ),
    Way("no list", "held", "PENDING_ACTIVATION", prepare=_lists_gone),
    Way("no list any more", "held", "PENDING_ACTIVATION", product="infusion-pump", decide=_lists_gone_meanwhile),
)
"""What mutants are tried on as well."""
