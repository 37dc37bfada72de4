"""One admission through the real state machine and the real functions: the simulation takes the costs from here."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from tests import aws_environment, faults, pki
from tests.machine import harness
from tests.machine.conftest import Fleet


class Walk(Struct, frozen=True, kw_only=True):
    """`calls` are the AWS calls of each step in order, such as ``iot.DescribeCertificate``; transitions as Step Functions bills them."""

    transitions: int
    duplicate_transitions: int
    calls: dict[str, list[str]]

    def iot(self, step: str) -> list[str]:
        """The step's control-plane calls to AWS IoT."""
        return [call.removeprefix("iot.") for call in self.calls[step] if call.startswith("iot.")]


def walk() -> Walk:
    """Walk in a process of its own, so that the functions' output and moto's patches stay there."""
    run = subprocess.run([sys.executable, "-m", "bench.walk"], check=True, capture_output=True)
    return msgspec.json.decode(run.stdout.splitlines()[-1], type=Walk)


def _walk() -> Walk:
    """Admit a device whose type, groups and policy exist already, and let it knock once more meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        aws_environment.set_clock(patch, pki.NOW)
        with aws_environment.running(patch, harness.MOTO) as names, harness.deployed(patch) as machine:
            fleet = Fleet(machine, names, patch)
            for device in ("pump-0001", "pump-0002"):
                fleet.expect(device, thing_type="pump", groups=("pumps",))
            first = fleet.knocks(fleet.device("pump-0001"))
            _ensure_admitted(first)
            calls: dict[str, list[str]] = {}
            duplicates: list[harness.Run] = []
            certificate = fleet.device("pump-0002")

            def recorded(step: str) -> harness.Fault:
                def call(_: dict[str, Any], real: Any) -> Any:
                    if step == "look_up_device":
                        machine.faults.pop("claim_admission")
                        duplicates.append(machine.run(fleet.event(certificate)))
                    with faults.dying_after(0) as made:
                        answer = real()
                    calls[step] = made
                    return answer

                return call

            machine.faults.update({harness.folder(step): recorded(harness.folder(step)) for step in harness.STEPS})
            second = fleet.knocks(certificate)
            _ensure_admitted(second)
    return Walk(transitions=second.transitions, duplicate_transitions=duplicates[0].transitions, calls=calls)


def _ensure_admitted(run: harness.Run) -> None:
    if run.output.get("outcome") != "admitted":
        raise AssertionError(f"expected an admission, got {run}")


if __name__ == "__main__":
    print(msgspec.json.encode(_walk()).decode())
