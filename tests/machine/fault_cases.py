"""A fault at every side effect of every state, and what the promises say of each (docs/operating.md, *Faults*).

The side effects are found by recording a run in which nothing goes wrong, so a new call to AWS is tried without a change here. After each
fault the execution is retried, redriven, or the device knocks again, until it comes to the end of its way.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ReadTimeoutError

from functions.shared.signing import public_key
from tests.machine.walker import Stopped, Walk
from tests.machine.ways import WAYS, Device, Gate, Way, gate
from workflows.evidence import jws
from workflows.evidence.record import Record, key_of, parse
from workflows.evidence.verify import verify

ROOT = Path(__file__).parents[2]
Effects = tuple[str, ...]
"""A state, and its calls to AWS in order."""
KINDS = ("refused", "throttled", "lost", "crash", "timeout")
"""At a call: AWS's 500 before it acts, its throttling, an answer that is lost after it acted, the function's end after it, and a hang."""
AT_ONCE = ("crash", "timeout", "twice", "knock")
"""At a state: the function ends or hangs before its first call, runs twice, or the device knocks again at that moment."""
RECOVERIES = ("retry", "redrive", "knock")
"""The fault passes and the state is tried again; it lasts until the execution fails, and the operator redrives it, or the device knocks."""


@dataclass(frozen=True)
class Case:
    """The `call`-th call to AWS (from 1; 0: before any) of the state."""

    way: Way
    state: str
    call: int
    operation: str
    kind: str
    recovery: str

    def __str__(self) -> str:
        where = f"{self.state}, call {self.call} ({self.operation})" if self.call else self.state
        return f"{self.way.name}: {where}: {self.kind}, then {self.recovery}"


@dataclass
class Tally:
    """What was tried, and what each broken promise says."""

    tried: int
    broken: list[str]


def definition() -> dict[str, Any]:
    """The machine's text, with the names of its functions left as they are."""
    text = (ROOT / "statemachine.asl.json").read_text()
    read: dict[str, Any] = json.loads(text.replace("${Partition}", "aws").replace("${CodeVersion}", "0.0.0"))
    return read


class Meddler:
    """Counts each function's calls to AWS, and does to one of them what the case says."""

    def __init__(self, at: Gate) -> None:
        self.at = at
        self.recorded: dict[str, list[str]] = {}
        self.case: Case | None = None
        self.lasting = False
        self.met = False
        self.active = ""
        self._calls = 0
        self.unsafe: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens at the moment at which a function ends before its time."""
        self.judge: Callable[[], list[str]] = list
        """What is wrong with the certificate as it stands, after each call that sets its status."""

    def effects(self) -> frozenset[Effects]:
        return frozenset((state, *calls) for state, calls in self.recorded.items())

    def around(self, walk: Walk, _step: str, call: Any) -> Any:
        state, case = walk.states[-1], self.case
        if self.active:  # a knock within a call: it meets no fault
            return call()
        self.active, self._calls = state, 0
        self.recorded.setdefault(state, [])
        try:
            if case is not None and case.state == state and case.call == 0 and not self.met:
                self.met = not self.lasting
                if case.kind == "twice":
                    self._quietly(call)
                elif case.kind == "knock":
                    self._knocks(walk)
                else:
                    self.meanwhile()
                    raise Stopped("Runtime.ExitError" if case.kind == "crash" else self._hangs())
            return call()
        finally:
            self.active = ""

    def _hangs(self) -> str:
        """What ends a hang: the state's time-out, or Lambda's own where the state's is the time that people have."""
        waits = self.at.definition["States"][self.active]["Resource"].endswith(".waitForTaskToken")
        return "Sandbox.Timedout" if waits else "States.Timeout"

    def _quietly(self, call: Any) -> None:
        """The first of two deliveries: its answer reaches nobody."""
        try:
            call()
        except Exception:  # noqa: BLE001 - so does its error
            return

    def _knocks(self, walk: Walk) -> None:
        [device] = [one for one in self.devices if walk in one.walks]
        knock = self.at.knocks(device)
        fine = knock.output and knock.output.get("outcome") == "duplicate"
        if not fine and walk.states[-1] != "Claim admission":
            self.unsafe.append(f"a knock at {walk.states[-1]} ended as {knock.status} {knock.output}")

    devices: list[Device]

    def calls(self, passed: Any, client: Any, operation: str, params: dict[str, Any]) -> Any:
        state, case = self.active, self.case
        if not state:
            return passed(client, operation, params)
        self._calls += 1
        if self.case is None:
            self.recorded[state].append(f"{client.meta.service_model.service_name}.{operation}")
        here = case is not None and case.state == state and case.call == self._calls and not self.met
        if here and case is not None and case.kind in ("refused", "throttled"):
            self.met = not self.lasting
            code, status = ("InternalServerError", 500) if case.kind == "refused" else ("ThrottlingException", 400)
            raise ClientError(
                {"Error": {"Code": code, "Message": "injected"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
                operation,
            )
        try:
            return self._judged(operation, passed(client, operation, params))
        finally:
            if here and case is not None:
                self.met = not self.lasting
                match case.kind:
                    case "lost":
                        raise ReadTimeoutError(endpoint_url="https://aws.example")
                    case "crash":
                        self.meanwhile()
                        raise Stopped("Runtime.ExitError")
                    case _:
                        raise Stopped(self._hangs())

    def _judged(self, operation: str, answer: Any) -> Any:
        """No state may set a certificate ACTIVE wrongly, not even for a moment."""
        if operation == "UpdateCertificate":
            state, self.active = self.active, ""
            self.unsafe += [f"{state}: {broken}" for broken in self.judge()]
            self.active = state
        return answer


@contextmanager
def meddling(text: dict[str, Any]) -> Iterator[Meddler]:
    with gate(text) as made, pytest.MonkeyPatch.context() as patch:
        meddler = Meddler(made)
        meddler.devices = []
        made.around = meddler.around
        passed = BaseClient._make_api_call  # type: ignore[attr-defined]
        patch.setattr(
            BaseClient, "_make_api_call", lambda client, name, params: meddler.calls(passed, client, name, params)
        )
        yield meddler


def cases(way: Way, recorded: dict[str, list[str]], *, whole: bool, known: frozenset[Effects]) -> Iterator[Case]:
    """Each side effect with each kind of fault. Not `whole`: only what is not known, with one recovery each, in turn."""
    turn = 0
    for state, calls in recorded.items():
        if not whole and (state, *calls) in known:
            continue
        points = [(0, "", kind) for kind in AT_ONCE]
        points += [(number, name, kind) for (number, name), kind in product(enumerate(calls, 1), KINDS)]
        for number, name, kind in points:
            every = ("retry",) if kind in ("twice", "knock") else RECOVERIES
            for recovery in every if whole else (every[turn % len(every)],):
                yield Case(way, state, number, name, kind, recovery)
            turn += 1


def try_faults(ways: tuple[Way, ...] = WAYS, *, whole: bool = False, known: frozenset[Effects] = frozenset()) -> Tally:
    """Try every case of these ways. The effects in `known` were tried before."""
    text, tally = definition(), Tally(0, [])
    for way in ways:
        with meddling(text) as meddler:
            plain = travel(meddler, way, None)
            if plain:
                raise AssertionError(f"{way.name}, without any fault: {plain}")
            for case in [*cases(way, meddler.recorded, whole=whole, known=known)]:
                tally.tried += 1
                tally.broken += [f"{case}: {broken}" for broken in tried(meddler, case)]
            known |= meddler.effects()
    return tally


def try_revocations(way: Way, recovery: str, *, known: frozenset[Effects] = frozenset()) -> Tally:
    """A function ends after each side effect of this way, a list revokes the certificate meanwhile, and the execution goes on.

    By a retry; or it has failed, the list's sweep has closed its admission, and an operator redrives it.
    """
    tally = Tally(0, [])
    with meddling(definition()) as meddler:
        travel(meddler, way, None)
        new = [(state, calls) for state, calls in meddler.recorded.items() if (state, *calls) not in known]
        for state, number, name in [(state, *point) for state, calls in new for point in enumerate(["", *calls])]:
            case = Case(way, state, number, name, "crash", recovery)
            tally.tried += 1
            tally.broken += [f"{case}: {broken}" for broken in revoked_meanwhile(meddler, case)]
    return tally


def revoked_meanwhile(meddler: Meddler, case: Case) -> list[str]:
    """The certificate ends REVOKED and its admission refused, and no record that is sealed from then on says that it is admitted."""
    at, when = meddler.at, list[datetime]()
    meddler.case, meddler.lasting, meddler.met = None, case.recovery == "redrive", False
    device = at.arrives(case.way)
    meddler.devices.append(device)
    meddler.judge = lambda: activated_rightly(at, case.way, device, going=True)
    meddler.case = case
    if case.recovery == "retry":
        meddler.meanwhile = lambda: when.append(at.revokes(device))
    walk = at.knocks(device)
    if walk.status == "WAITING" and case.way.decide is not None:
        case.way.decide(at, walk, device)
    if walk.status == "FAILED" and case.recovery == "redrive":
        meddler.lasting, meddler.met = False, True
        when.append(at.revokes(device))
        at.goes(walk, walk.redrive)
    meddler.meanwhile = lambda: None
    if not when:
        return []  # a call that only the first device needs: the policy is there by now
    at.sweeps()
    ends = (at.fleet.status(device.certificate), at.row(device).get("outcome"))
    broken = [] if ends == ("REVOKED", "refused") else [f"ends as {ends}, the execution {walk.status} {walk.error}"]
    records, wrong = sealed(at, device)
    late = [one for one in records.values() if one.outcome == "admitted" and one.sealed_at >= when[0]]
    return broken + wrong + [f"{one.key} says admitted, sealed after the revocation" for one in late]


def tried(meddler: Meddler, case: Case) -> list[str]:
    try:
        return travel(meddler, case.way, case)
    except AssertionError as lost:
        return [str(lost)]


@cache
def plainly(way: Way) -> tuple[frozenset[str], frozenset[Effects]]:
    """The states that this way leads through when nothing goes wrong, and what those with a function do."""
    with meddling(definition()) as meddler:
        travel(meddler, way, None)
        [walk] = meddler.devices[0].walks
    return frozenset(walk.states), meddler.effects()


def travel(meddler: Meddler, way: Way, case: Case | None) -> list[str]:
    """Take one device from its first knock to its end. Returns a sentence for each broken promise."""
    at = meddler.at
    meddler.case, meddler.lasting, meddler.met, meddler.unsafe = None, False, False, []
    device = at.arrives(way)
    meddler.devices.append(device)
    meddler.judge = lambda: activated_rightly(at, way, device, going=True)
    meddler.case = case
    meddler.lasting = case is not None and case.recovery != "retry"
    broken: list[str] = []
    walk = at.knocks(device)
    for _ in range(6):
        walk = owner(at, device)
        broken += activated_rightly(at, way, device)
        if walk.status == "WAITING" and way.decide is not None:
            way.decide(at, walk, device)
        elif walk.status == "FAILED" and walk.error != "AdmissionFailed":
            meddler.lasting, meddler.met = False, True  # the cause is mended
            pending = at.fleet.status(device.certificate) == "PENDING_ACTIVATION"
            if case is not None and case.recovery == "knock" and pending:
                at.later(minutes=16)
                walk = at.knocks(device)
            else:
                at.later(minutes=1)
                at.goes(walk, walk.redrive)
        elif walk.status == "SUCCEEDED" and at.row(device).get("outcome") == "open":
            broken.append("the execution has ended, and its admission is open")
            break
        else:
            break
    broken += meddler.unsafe + activated_rightly(at, way, device)
    return broken + ended_rightly(at, way, device, owner(at, device))


def owner(at: Gate, device: Device) -> Walk:
    """The execution that the admission belongs to; the last, if none has claimed it."""
    arn = at.row(device).get("execution_arn")
    return next((walk for walk in device.walks if walk.arn == arn), device.walks[-1])


def activated_rightly(at: Gate, way: Way, device: Device, *, going: bool = False) -> list[str]:
    """Never ACTIVE without a good verdict, an inventory match and the approvals that the rule asks for. `going`: within a state."""
    if at.fleet.status(device.certificate) != "ACTIVE":
        return []
    if way.outcome == "failed" and (going or owner(at, device).status == "FAILED"):
        return []  # before its roll back: without a policy it can do nothing, which is checked at the end
    if way.status != "ACTIVE":
        return ["is ACTIVE"]
    known = owner(at, device).variables["dossier"]
    good = (known.get("revocation") or {}).get("status") == "good"
    if way.decide is not None:
        stands = [at.approval(walk, device).get("status") for walk in device.walks]
        good = good and "APPROVED" in stands and (known.get("revocation_again") or {}).get("status") == "good"
    return [] if good else ["is ACTIVE without what its rule asks for"]


def ended_rightly(at: Gate, way: Way, device: Device, walk: Walk) -> list[str]:
    """Exactly one outcome, the one that its way leads to; evidence sealed for it; nothing half-made."""
    row, iot = at.row(device), at.fleet.client("iot")
    status = "FAILED" if way.outcome == "failed" else "SUCCEEDED"
    broken = [
        f"{what} is {got}, expected {expected}"
        for what, got, expected in (
            ("the execution", walk.status, status),
            ("the outcome", row.get("outcome"), way.outcome),
            ("the certificate", at.fleet.status(device.certificate), way.status),
            ("attached policies", len(at.fleet.policies(device.certificate)), int(way.status == "ACTIVE")),
        )
        if got != expected
    ]
    arn = iot.describe_certificate(certificateId=device.certificate_id)["certificateDescription"]["certificateArn"]
    things = iot.list_principal_things(principal=arn)["things"]
    if things != ([device.name] if way.status == "ACTIVE" else []):
        broken.append(f"attached things are {things}")
    bound = at.fleet.client("dynamodb").get_item(
        TableName="Inventory", Key={"lookup_key": {"S": f"device#{device.name}"}}
    )
    if ("Item" in bound) != (way.status == "ACTIVE"):
        broken.append(f"the binding is {bound.get('Item')}")
    return broken + sealed_rightly(at, row, device, walk)


def sealed(at: Gate, device: Device) -> tuple[dict[str, Record], list[str]]:
    """The device's records by key, and what an auditor would find wrong: signature, schema, votes, what the outcome rests on, chain."""
    own, voting = (public_key(os.environ[name]) for name in ("SIGNING_KEY_ARN", "VOTE_SIGNING_KEY_ARN"))
    s3, keys = at.fleet.client("s3"), jws.Keys(own, votes=[voting])
    listed = s3.list_objects_v2(Bucket="gatehouse-evidence", Prefix=f"records/{device.certificate_id}/")
    names = [one["Key"] for one in listed.get("Contents", [])]
    files = {name: s3.get_object(Bucket="gatehouse-evidence", Key=name)["Body"].read() for name in names}
    wrong = [f"{failure.key}: {failure.rule}: {failure.message}" for failure in verify(files.items(), keys).failures]
    return {name: parse(jws.parse(data)[1]) for name, data in files.items()}, wrong


def sealed_rightly(at: Gate, row: dict[str, Any], device: Device, walk: Walk) -> list[str]:
    """The record that the admission names tells its outcome, and no record of this device's executions tells another."""
    (records, broken), own = sealed(at, device), key_of(device.certificate_id, walk.name)
    if own not in records:
        return [*broken, f"no evidence: {[*records]}"]
    kept = records[own]
    broken += [] if kept.outcome == row.get("outcome") else [f"the record says {kept.outcome}"]
    if row.get("evidence_key") not in records:
        broken.append(f"the admission names {row.get('evidence_key')}")
    ends = {key_of(device.certificate_id, one.name) for one in device.walks}
    others = [key for key in records if key != own and key in ends]
    return broken + [f"a second outcome was sealed: {other}" for other in others]
