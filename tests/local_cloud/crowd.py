"""A crowd: devices of all kinds that knock at once, five times each; and what became of them, of the executions and of the memory.

For the gate (`test_crowd.py`) and for the measurements (`bench/crowd.py`).
"""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gatehouse.admission import admissions
from gatehouse.approval.approvals import Approvals
from gatehouse.demo import stage
from gatehouse.demo.pki import DemoAuthority, Identity
from gatehouse.device.mqtt import MqttDevice
from gatehouse.errors import Unreachable
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.stack.target import Target
from tests.local_cloud.conftest import settings_in

KNOCKS = 5
AT_ONCE = 64


class Kind(NamedTuple):
    """What a device is, and its one right end: the admission's outcome and the certificate's status."""

    name: str
    outcome: str
    status: str


EXPECTED = Kind("expected", "admitted", "ACTIVE")
ASKED = Kind("asked", "admitted", "ACTIVE")
REVOKED = Kind("revoked", "refused", "REVOKED")
DENIED = Kind("denied", "refused", "INACTIVE")
WEAK = Kind("weak", "refused", "INACTIVE")
STRANGER = Kind("stranger", "held", "PENDING_ACTIVATION")
KINDS = (EXPECTED, ASKED, EXPECTED, REVOKED, EXPECTED, DENIED, EXPECTED, STRANGER, EXPECTED, WEAK)
"""One after the other, for as many devices as there are."""


class Outcome(NamedTuple):
    """What became of a crowd. Times in seconds, memory in MB: the engine's and its workers' together."""

    wrong: dict[str, tuple[str, str]]
    """Devices that did not end as their kind must, with outcome and status."""
    executions: int
    failed: int
    duplicates: int
    throttled: int
    seconds: float
    peak_mb: float
    processes: int


WAIT_SCALE = 0.1
"""At less, whoever waits for a Lambda asks so often that asking is the work."""


def come(folder: Path, devices: int, *, at_once: int, within: float) -> Outcome:
    """What became of so many devices in an engine of their own, in which `at_once` calls of Lambda may be in flight."""
    settings = msgspec.structs.replace(settings_in(folder / "home"), lambda_concurrency=at_once, wait_scale=WAIT_SCALE)
    cloud, certificates = LocalCloud(settings), folder / "ca"
    certificates.mkdir()
    try:
        cloud.up()
        return Crowd(cloud, certificates, devices).come(within)
    finally:
        cloud.down()


class Crowd:
    """The devices of one local cloud that runs the stack."""

    def __init__(self, cloud: LocalCloud, folder: Path, count: int) -> None:
        self.cloud = cloud
        status = cloud.status()
        self.target = Target(status.stack, status)
        ca = DemoAuthority(folder)
        self.kinds = {f"{KINDS[n % len(KINDS)].name}-{n}": KINDS[n % len(KINDS)] for n in range(count)}
        long = timedelta(days=365 * 20)
        self.devices: dict[str, Identity] = {
            name: ca.issue(name, valid_for=long) if kind is WEAK else ca.issue(name)
            for name, kind in self.kinds.items()
        }
        ca_id = stage.register(self.target, ca)
        rows = [self._row(name) for name, kind in self.kinds.items() if kind is not STRANGER]
        stage.import_inventory(self.target, rows, folder / "inventory.csv")
        stage.publish_list(self.target, ca, ca_id, [self.devices[name] for name in self._of(REVOKED)])
        self.desks = stage.sign_everybody_in(self.target, stage.people())

    def _row(self, name: str) -> dict[str, str]:
        kind = self.kinds[name]
        return {
            "device": name,
            "certificate_sha256": self.devices[name].certificate_id,
            "product": "infusion-pump" if kind is ASKED else "thermometer",
            "effect": "deny" if kind is DENIED else "allow",
        }

    def _of(self, kind: Kind) -> list[str]:
        return [name for name, one in self.kinds.items() if one is kind]

    def come(self, within: float) -> Outcome:
        """All knock, `KNOCKS` times each, and people agree to what they are asked about. Ends when every admission has ended."""
        began = time.monotonic()
        with _watched(self.cloud) as peak, ThreadPoolExecutor(AT_ONCE) as pool:
            knocking = [pool.submit(self._knock, name) for _ in range(KNOCKS) for name in self.devices]
            deciding = pool.submit(self._decide, began + within)
            for one in knocking:
                one.result()
            deciding.result()
            self._wait_for_ends(began + within)
            seconds = time.monotonic() - began
        return self._outcome(seconds, peak)

    def _knock(self, name: str) -> None:
        one = self.devices[name]
        with MqttDevice(
            self.target.mqtt_endpoint(), certificate=one.certificate_file, key=one.key_file, client_id=name
        ) as device:
            device.connect()

    def _decide(self, until: float) -> None:
        """Both groups agree to every request about a device of the kind `ASKED`."""
        left = {self.devices[name].certificate_id for name in self._of(ASKED)}
        while left and time.monotonic() < until:
            with contextlib.suppress(
                Unreachable
            ):  # throttled for longer than the command tries: people come back later
                for request in self.desks["quality"].list_tab("mine", 200):
                    if request["certificate_id"] in left:
                        for desk in self.desks.values():
                            _agree(desk, request["approval_id"])
                        left.discard(request["certificate_id"])
            threading.Event().wait(0.2)

    def _wait_for_ends(self, until: float) -> None:
        while time.monotonic() < until:
            ended = all(found is not None and found.outcome != "open" for found in self._found().values())
            if ended and not self._executions("RUNNING"):
                return
            threading.Event().wait(0.2)

    def _found(self) -> dict[str, admissions.Admission | None]:
        return {name: admissions.by_certificate(self.target, one.certificate_id) for name, one in self.devices.items()}

    def _executions(self, status: str | None = None) -> list[dict[str, Any]]:
        pages = self.target.client("stepfunctions").get_paginator("list_executions")
        chosen = {"statusFilter": status} if status else {}
        machine = self.target.output("StateMachineArn")
        return [one for page in pages.paginate(stateMachineArn=machine, **chosen) for one in page["executions"]]

    def _outcome(self, seconds: float, peak: "_Peak") -> Outcome:
        iot = self.target.client("iot")
        wrong: dict[str, tuple[str, str]] = {}
        for name, found in self._found().items():
            described = iot.describe_certificate(certificateId=self.devices[name].certificate_id)
            ended = (found.outcome if found else "no row", str(described["certificateDescription"]["status"]))
            if ended != self.kinds[name][1:]:
                wrong[name] = ended
        executions = self._executions()
        of_device = Counter(one["name"][:32] for one in executions)
        throttled = self.cloud.status().lambda_throttled
        return Outcome(
            wrong=wrong,
            executions=len(executions),
            failed=sum(one["status"] not in ("SUCCEEDED", "RUNNING") for one in executions),
            duplicates=sum(of_device.values()) - len(of_device),
            throttled=throttled.calls if throttled else 0,
            seconds=seconds,
            peak_mb=peak.mb,
            processes=peak.processes,
        )


def _agree(desk: Approvals, approval_id: str) -> None:
    basis = str(desk.show(approval_id)["basis_sha256"])
    desk.vote(approval_id, "approve", reason="Delivery note 7", meaning="approval", basis_sha256=basis)


class _Peak:
    """The most memory and processes that were seen."""

    mb = 0.0
    processes = 0


@contextlib.contextmanager
def _watched(cloud: LocalCloud) -> Iterator[_Peak]:
    """Look at the engine's process group twice a second, in /proc: resident sets, so what processes share counts for each."""
    peak, over, leader = _Peak(), threading.Event(), cloud.status().pid

    def look() -> None:
        while not over.wait(0.5):
            pages = [found for process in Path("/proc").glob("[0-9]*") if (found := _resident(process, leader))]
            peak.mb = max(peak.mb, sum(pages) * 4096 / 1e6)
            peak.processes = max(peak.processes, len(pages))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def _resident(process: Path, leader: int | None) -> int:
    """Pages of a process of the group; 0 for others, and for what has ended."""
    try:
        group = int((process / "stat").read_text().rpartition(")")[2].split()[2])
        return int((process / "statm").read_text().split()[1]) if group == leader else 0
    except (OSError, IndexError, ValueError):
        return 0
