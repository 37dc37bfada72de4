"""The input of each step of one admission, its calls to AWS, and AWS's answers."""

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from botocore import xform_name
from botocore.response import StreamingBody
from msgspec import Struct

from tests import aws_environment, faults, pki
from tests.machine import harness, people
from tests.machine.conftest import Fleet


class Answer(Struct, frozen=True, kw_only=True):
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes


class Call(Struct, frozen=True, kw_only=True):
    """A method of a boto3 client and its parameters; bytes are in `binary`, as base64 in JSON."""

    service: str
    method: str
    parameters: dict[str, Any]
    binary: dict[str, bytes]


class Start(Struct, frozen=True, kw_only=True):
    """Everything that a process needs to repeat a step's first call. `at` is the time of the recording."""

    module: str
    event: Any
    at: str
    environment: dict[str, str]
    calls: list[Call]
    answers: list[Answer]


def recorded() -> dict[str, Start]:
    """The steps of an admission that people approve and of one that is refused, recorded in a process of its own."""
    run = subprocess.run([sys.executable, "-m", "bench.starts"], check=True, capture_output=True)
    return msgspec.json.decode(run.stdout.splitlines()[-1], type=dict[str, Start])


def _record() -> dict[str, Start]:
    starts: dict[str, Start] = {}
    with pytest.MonkeyPatch.context() as patch:
        aws_environment.set_clock(patch, pki.NOW)
        with aws_environment.running(patch, harness.MOTO) as names, harness.deployed(patch) as machine:
            fleet = Fleet(machine, names, patch)
            fleet.expect("pump-0001", thing_type="pump", groups=("pumps",))
            fleet.expect("pump-0002", thing_type="pump", groups=("pumps",), product="infusion-pump")
            fleet.expect("pump-0003", effect="deny")
            fleet.knocks(fleet.device("pump-0001"))
            environment = aws_environment.credentials() | names

            def recording(step: str) -> harness.Fault:
                def fault(payload: dict[str, Any], real: Any) -> Any:
                    _forget()
                    with _listening() as (calls, answers):
                        answer = real()
                    made = Start(
                        module=f"functions.admission.{step}.app",
                        event=payload,
                        at=pki.NOW.isoformat(),
                        environment=environment,
                        calls=calls,
                        answers=answers,
                    )
                    starts.setdefault(step, made)
                    return answer

                return fault

            machine.faults.update({harness.folder(step): recording(harness.folder(step)) for step in harness.STEPS})
            certificate = fleet.device("pump-0002")
            run = machine.start(fleet.registers(certificate))
            machine.waiting_in(run, "Request approval")
            machine.settled("request_approval")
            for name, group in (("quinn", "quality"), ("sam", "security")):
                people.vote(run, aws_environment.certificate_id(certificate), people.claims(name, group), "approve")
            people.resume_due()
            machine.ended(run)
            fleet.knocks(fleet.device("pump-0003"))
    missing = {harness.folder(step) for step in harness.STEPS} - starts.keys() - {"roll_back"}
    if missing:
        raise AssertionError(f"no admission came to {', '.join(sorted(missing))}")
    return starts


def _forget() -> None:
    """Empty every cache of the functions: a fresh process has none."""
    aws_environment.reset_caches()
    for name, module in list(sys.modules.items()):
        if name.startswith("functions."):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


@contextmanager
def _listening() -> Iterator[tuple[list[Call], list[Answer]]]:
    calls: list[Call] = []
    answers: list[Answer] = []

    def asked(params: dict[str, Any], model: Any, **_: Any) -> None:
        binary = {name: value for name, value in params.items() if isinstance(value, bytes)}
        calls.append(
            Call(
                service=model.service_model.service_name,
                method=xform_name(model.name),
                parameters={name: value for name, value in params.items() if name not in binary},
                binary=binary,
            )
        )

    def answered(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
        streams = [name for name, value in parsed.items() if isinstance(value, StreamingBody)]
        body = parsed[streams[0]].read() if streams else http_response.content
        for name in streams:
            parsed[name] = StreamingBody(io.BytesIO(body), len(body))
        kept = {name: value for name, value in http_response.headers.items() if name.lower() not in _OWN}
        answers.append(Answer(status=http_response.status_code, headers=kept, body=body))

    with (
        faults.hooked("provide-client-params", asked, faults.SERVICES),
        faults.hooked("after-call", answered, faults.SERVICES),
    ):
        yield calls, answers


_OWN = {"content-length", "date", "server", "connection", "transfer-encoding"}
"""Headers that the stub's server sets."""


if __name__ == "__main__":
    print(msgspec.json.encode(_record()).decode())
