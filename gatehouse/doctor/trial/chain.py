"""The chain: a trial CA is noted, registered and given a list; its device connects, and is held as unknown. Then the trial is ended."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from msgspec.structs import replace

from gatehouse.admission import admissions
from gatehouse.admission.admissions import Admission
from gatehouse.device.mqtt import Connection, MqttDevice
from gatehouse.doctor.trial import certificates, diagnosis
from gatehouse.doctor.trial.links import ORDER, Limits, Link, Name, Stuck, Tell
from gatehouse.evidence.audit_trail import recorded
from gatehouse.revocation import authorities, lists
from gatehouse.stack import objects
from gatehouse.stack.error_messages import explain
from gatehouse.stack.target import Target
from workflows import stored
from workflows.admission import starting, trial
from workflows.errors import GatehouseError
from workflows.evidence.acts import GONE

_LOOK_EVERY_SECONDS = 0.5
_KNOCK_EVERY_SECONDS = 5.0
_FORESEEN = (GatehouseError, ClientError, BotoCoreError, OSError)


def knock(target: Target, tell: Tell, limits: Limits | None = None) -> bool:
    """Try the whole chain, then end the trial in any case. `tell` is called for each link. Returns whether the knock came through.

    An interruption also ends the trial, and is raised afterwards.
    """
    with TemporaryDirectory(prefix="gatehouse-knock-") as folder:
        run = _Knock(target, tell, limits or Limits(), Path(folder))
        try:
            return all(run.link(name) for name in ORDER if name != "end")
        finally:
            if run.noted:
                run.link("end")


class _Knock:
    """One trial. Each method that is a link returns what it found, or raises `Stuck` or what AWS says."""

    def __init__(self, target: Target, tell: Tell, limits: Limits, folder: Path) -> None:
        self._target, self._tell, self._limits = target, tell, limits
        self._made = certificates.make(datetime.now(UTC))
        self._files = certificates.write_device(self._made, folder)
        self._ca_id = self._made.note.ca_certificate_id
        self._execution = ""
        self.noted = False

    def link(self, name: Name) -> bool:
        """Try one link and tell its result. Returns whether it holds."""
        links: dict[Name, Callable[[], str]] = {
            "note": self._note,
            "CA": self._register,
            "list": self._publish,
            "certificate": self._knock,
            "start": self._started,
            "execution": self._ran,
            "outcome": self._outcome,
            "end": self._end,
        }
        began = time.monotonic()
        try:
            found, advice, held = links[name](), "", True
        except Stuck as stuck:
            found, advice, held = stuck.found, stuck.advice, False
        except _FORESEEN as error:
            found, advice, held = (
                explain(error)[0],
                _ADVICE.get(name, "Put that right, and run the command again."),
                False,
            )
        seconds = round(time.monotonic() - began, 1)
        self._tell(Link(name=name, state="ok" if held else "stuck", found=found, advice=advice, seconds=seconds))
        return held

    def _note(self) -> str:
        made = self._made
        new = {"ca_certificate_id": self._ca_id, "certificate_id": made.note.certificate_id}
        with recorded(self._target, "authority", "begin_trial", made.ca.subject.rfc4514_string(), new=new):
            self.noted = True
            self._write_note()
        return f"the trial is noted in the stack as {trial.key_of(self._ca_id)}"

    def _write_note(self, **changed: Any) -> None:
        note = replace(self._made.note, ca_certificate_id=self._ca_id, **changed)
        objects.write(self._target, "CrlBucket", trial.key_of(self._ca_id), trial.write(note), "application/json")

    def _register(self) -> str:
        registered = authorities.register(self._target, self._made.ca, self._made.key)
        if registered.authority.ca_certificate_id != self._ca_id:
            self._ca_id = registered.authority.ca_certificate_id
            self._write_note()
        return f"AWS IoT has registered the trial CA {self._ca_id[:16]}…"

    def _publish(self) -> str:
        at = datetime.now(UTC)
        published = lists.publish(self._target, self._made.crl, self._ca_id, at=at, within=self._limits.judged)
        return f"its empty list counts ({published.list_key.rpartition('/')[2][:16]}…)"

    def _knock(self) -> str:
        """Connect until AWS IoT has registered the certificate: a CA that was registered a moment ago may not be known everywhere yet."""
        until = time.monotonic() + self._limits.registered
        while True:
            answer, why = self._connects()
            status = self._status()
            if status == "PENDING_ACTIVATION":
                return f"the device knocked, and AWS IoT has registered its certificate {self._made.note.certificate_id[:16]}…"
            if status is not None:
                advice = "Look for another rule on $aws/events/certificates/registered/ that sets certificates' status."
                raise Stuck(
                    f"The certificate is {status}; expected PENDING_ACTIVATION. Something other than Gatehouse acts on it.",
                    advice,
                )
            if time.monotonic() >= until:
                raise self._unregistered(answer, why)
            time.sleep(_LOOK_EVERY_SECONDS)

    def _unregistered(self, answer: Connection, why: str) -> Stuck:
        where = self._target.mqtt_endpoint()
        said = f"{where.host}:{where.port} {answer.value} ({why}); AWS IoT has not registered the certificate."
        if answer in (Connection.UNREACHABLE, Connection.TLS_FAILED):
            return Stuck(
                said, "Try from another network: port 8883 must be open, and nothing may decrypt the TLS on the way."
            )
        return Stuck(said, "The log group AWSIotLogsV2 says why (parameter IotLogLevel), for example CLIENT_ERROR.")

    def _connects(self) -> tuple[Connection, str]:
        certificate, key = self._files
        client_id = f"gatehouse-trial-{self._made.note.certificate_id[:16]}"
        with MqttDevice(self._target.mqtt_endpoint(), certificate=certificate, key=key, client_id=client_id) as device:
            return device.connect(within=5.0), device.why

    def _status(self) -> str | None:
        iot = self._target.client("iot")
        try:
            found = iot.describe_certificate(certificateId=self._made.note.certificate_id)
        except iot.exceptions.ResourceNotFoundException:
            return None
        status: str = found["certificateDescription"]["status"]
        return status

    def _started(self) -> str:
        """Wait until an execution has the certificate. Meanwhile the device connects again, as devices do."""
        knocked, again = datetime.now(UTC), time.monotonic() + _KNOCK_EVERY_SECONDS
        until = time.monotonic() + self._limits.started
        while not (name := self._find_execution(knocked)):
            if time.monotonic() >= until:
                raise diagnosis.of_start(self._target, self._made.note.certificate_id)
            if time.monotonic() >= again:
                self._connects()
                again = time.monotonic() + _KNOCK_EVERY_SECONDS
            time.sleep(_LOOK_EVERY_SECONDS)
        return f"rule, queue and function have started the execution {name}"

    def _find_execution(self, knocked: datetime) -> str:
        """The execution's name: from the admission, or before the claim the name that a first knock gives it. Empty if there is none."""
        row = self._row()
        if row is not None:
            self._execution = row.execution_arn
            return row.execution_arn.rpartition(":")[2]
        machine = self._target.output("StateMachineArn").replace(":stateMachine:", ":execution:", 1)
        for at in (knocked, datetime.now(UTC)):
            name = starting.name(self._made.note.certificate_id, None, at)
            if admissions.execution_status(self._target, f"{machine}:{name}") != GONE:
                self._execution = f"{machine}:{name}"
                return name
        return ""

    def _ran(self) -> str:
        until, told = time.monotonic() + self._limits.execution, 0
        while True:
            found = self._target.client("stepfunctions").describe_execution(executionArn=self._execution)
            states = self._states()
            for state in states[told:]:
                self._tell(Link(name="execution", state="running", found=f"state {state!r}"))
            told, last = len(states), states[-1] if states else "none yet"
            if found["status"] == "SUCCEEDED":
                return f"it ended after {len(states)} states"
            if found["status"] != "RUNNING":
                raise diagnosis.of_failure(
                    self._target, last, found.get("error", found["status"]), found.get("cause", "")
                )
            if time.monotonic() >= until:
                raise self._slow(last)
            time.sleep(_LOOK_EVERY_SECONDS)

    def _states(self) -> list[str]:
        pages = (
            self._target.client("stepfunctions")
            .get_paginator("get_execution_history")
            .paginate(executionArn=self._execution)
        )
        events = (event for page in pages for event in page["events"])
        return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]

    def _slow(self, state: str) -> Stuck:
        row, limit = self._row(), self._limits.execution
        said = f"It is still in the state {state!r} after {limit:g} s."
        if row is not None and row.turn_at is not None and row.turn_at > datetime.now(UTC):
            said += f" Its turn comes at {row.turn_at:%Y-%m-%d %H:%M:%S}Z, since many devices knock."
            return Stuck(
                said,
                "Nothing is wrong. Run the command again when fewer devices knock, or raise the pace: docs/scale.md.",
            )
        return Stuck(
            said,
            "Calls of functions may wait or be throttled: see gatehouse doctor (concurrency) and the execution's history in the console.",
        )

    def _outcome(self) -> str:
        row = self._row()
        if row is None or row.outcome == "open":
            raise Stuck(
                "The execution ended, and its admission is open.",
                "Run the command again. If it stays so, deploy the stack again.",
            )
        said = f"It ended as {row.outcome}: {row.reason or row.fault}"
        if row.outcome == "admitted":
            raise Stuck(
                f"{said} A trial's device must never be admitted.",
                "Report this as a fault of Gatehouse, and set the certificate INACTIVE: aws iot update-certificate "
                f"--certificate-id {row.certificate_id} --new-status INACTIVE",
            )
        if row.outcome != "held" or trial.HELD not in (row.reason or ""):
            raise Stuck(
                f"{said} Expected: held at *Look up device*, as a trial's.",
                "Put right what the reason names; config/limits.toml and config/crl.toml hold the bounds.",
            )
        if not row.trial or not row.evidence_key:
            raise Stuck(
                f"{said} But its admission is not marked as a trial's, or not sealed.", "Deploy the stack again."
            )
        return f"held as unknown, marked as a trial's and sealed as {row.evidence_key.rpartition('/')[2]}"

    def _row(self) -> Admission | None:
        return admissions.by_certificate(self._target, self._made.note.certificate_id)

    def _end(self) -> str:
        """Write into the note that the trial is over, and have the stack end it."""
        with recorded(
            self._target,
            "authority",
            "end_trial",
            self._made.ca.subject.rfc4514_string(),
            new={"ca_certificate_id": self._ca_id},
        ):
            self._write_note(over_at=datetime.now(UTC))
            until = time.monotonic() + self._limits.ended
            while True:
                answer = self._target.client("lambda").invoke(
                    FunctionName=self._target.output("EndTrialsArn"), Payload=b"{}"
                )
                content = answer["Payload"].read()
                if "FunctionError" in answer:
                    raise Stuck(f"end_trials fails: {content.decode('utf-8', 'replace')[:300]}", _ADVICE["end"])
                if self._ca_id in stored.read(content)["ended"]:
                    return "CA, certificate and list are removed; the sealed records stay, marked as a trial's"
                if time.monotonic() >= until:
                    raise Stuck("Its admission is still open; the trial ends when that has ended.", _ADVICE["end"])
                time.sleep(_LOOK_EVERY_SECONDS)


_ADVICE: dict[Name, str] = {
    "CA": "AWS IoT takes ten CAs of one subject; see docs/deploying.md for the rights.",
    "list": "Look at the log of publish_crl, and at its dead letters: gatehouse doctor events dead-letters",
    "end": "The stack ends it by itself within the hour. gatehouse doctor tells if it does not.",
}
