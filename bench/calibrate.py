"""Compare the simulation with the local cloud, whose AWS IoT calls are throttled: ``python -m bench.calibrate [--devices N] [--rate R]``.

Real devices knock over MQTT, the real state machine runs, waits last as long as they say. Twice: as delivered, and with turns so close
together that only retries are left. The same is simulated on twenty seeds; what was measured is printed beside the simulated range.
"""

import argparse
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.designs import GATEHOUSE, ONE_EACH, Design
from bench.quotas import Quotas
from bench.results import Knocking
from bench.simulation import Burst
from bench.walk import Walk, walk
from gatehouse.demo import stage
from gatehouse.demo.pki import DemoAuthority, Identity
from gatehouse.device.mqtt import Connection, MqttDevice
from gatehouse.local_cloud.additions.iot_quotas import BURST_SECONDS, OF_DESCRIBE
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.stack.target import Target
from tests.local_cloud.conftest import settings_in

ROOT = Path(__file__).parents[1]
WITHIN, FIRST, LONGEST = 5.0, 1.0, 32.0
"""Devices connect within this many seconds, then again with full jitter up to a pause that doubles from the first to the longest."""
SEEDS = range(1, 21)
GIVEN_UP_AFTER = 900.0
NO_TURNS = 1000.0


class Point(Struct, frozen=True, kw_only=True):
    """One burst: seconds from the first knock until the last device has its policy, and calls of the admission's own operations."""

    drained: float
    calls_each: float
    failed: float
    started: float


def measured(design: Design, devices: int, rate: float, walked: Walk) -> Point:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        cloud = LocalCloud(
            msgspec.structs.replace(settings_in(folder / "home"), wait_scale=1.0, iot_calls_per_second=rate),
            template=_repository(folder / "repository", rate if design.paced else NO_TURNS),
        )
        try:
            status = cloud.up()
            return _burst(cloud, Target(status.stack, status), folder, devices, walked)
        finally:
            cloud.down()


def _repository(folder: Path, calls_per_second: float) -> Path:
    """Make a copy with this rate of turns; returns its template."""
    for name in ("functions", "workflows", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("template.yaml", "statemachine.asl.json"):
        shutil.copy(ROOT / name, folder / name)
    limits = folder / "config/limits.toml"
    text = limits.read_text()
    [line] = [line for line in text.splitlines() if line.startswith("calls_per_second = 10")]
    limits.write_text(text.replace(line, f"calls_per_second = {calls_per_second}"))
    return folder / "template.yaml"


def _burst(cloud: LocalCloud, target: Target, folder: Path, devices: int, walked: Walk) -> Point:
    ca = DemoAuthority(folder)
    ca_id = stage.register(target, ca)
    known = {f"sensor-{number}": ca.issue(f"sensor-{number}") for number in range(devices + 1)}
    rows = [
        {
            "device": name,
            "certificate_sha256": one.certificate_id,
            "product": "thermometer",
            "thing_type": "sensor",
            "groups": "sensors",
        }
        for name, one in known.items()
    ]
    stage.import_inventory(target, rows, folder / "inventory.csv")
    stage.publish_list(target, ca, ca_id, [])
    first, *others = known
    _until_let_in(target, first, known[first], lambda: 0.5)  # makes the policy, warms the functions
    time.sleep(5)
    log = cloud.settings.iot_calls
    before, begun = len(log.read_text().splitlines()), time.time()
    machine = target.output("StateMachineArn")
    started_before = len(_executions(target, machine))
    draw = random.Random(1)  # noqa: S311 - the time of a knock is not a secret
    with ThreadPoolExecutor(devices) as fleet:
        coming = [
            fleet.submit(_comes, target, name, known[name], draw.uniform(0, WITHIN), random.Random(name))  # noqa: S311
            for name in others
        ]
    for one in coming:
        one.result()
    _settled(target, machine)
    own = {f"iot:{call}" for step in walked.calls for call in walked.iot(step)}
    calls = [line.split() for line in log.read_text().splitlines()[before:]]
    calls = [one for one in calls if one[1] in own]
    attached = [float(at) for at, action, end in calls if (action, end) == ("iot:AttachPolicy", "passed")]
    ended = _executions(target, machine)[started_before:]
    return Point(
        drained=max(attached) - begun,
        calls_each=len(calls) / devices,
        failed=sum(status == "FAILED" for status in ended),
        started=len(ended),
    )


def _comes(target: Target, name: str, identity: Identity, after: float, draw: random.Random) -> None:
    pauses = iter(range(10_000))
    time.sleep(after)
    _until_let_in(
        target, name, identity, lambda: draw.uniform(0, min(LONGEST, FIRST * 2 ** min(next(pauses), 30))) + 0.2
    )


def _until_let_in(target: Target, name: str, identity: Identity, pause: Callable[[], float]) -> None:
    deadline = time.monotonic() + GIVEN_UP_AFTER
    place = target.mqtt_endpoint()
    while time.monotonic() < deadline:
        with MqttDevice(place, certificate=identity.certificate_file, key=identity.key_file, client_id=name) as mqtt:
            if mqtt.connect() is Connection.CONNECTED:
                return
        time.sleep(pause())
    raise TimeoutError(f"{name} was not admitted within {GIVEN_UP_AFTER:g} s")


def _executions(target: Target, machine: str) -> list[str]:
    """Their status, oldest first."""
    pages = target.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=machine)
    found = [one for page in pages for one in page["executions"]]
    return [one["status"] for one in sorted(found, key=lambda one: one["startDate"])]


def _settled(target: Target, machine: str) -> None:
    pause = threading.Event()
    while "RUNNING" in _executions(target, machine):
        pause.wait(1)


def simulated(design: Design, devices: int, rate: float, walked: Walk) -> list[Point]:
    quotas = Quotas(iot={name: share * rate for name, share in OF_DESCRIBE.items()}, iot_bucket_seconds=BURST_SECONDS)
    knocking = Knocking(within=WITHIN, first=FIRST, longest=LONGEST)
    runs = [
        Burst(walked, design, devices, seed=seed, quotas=quotas, knocking=knocking, calls_per_second=rate).run()
        for seed in SEEDS
    ]
    return [
        Point(drained=one.drained_at, calls_each=one.calls / devices, failed=one.failed, started=one.started)
        for one in runs
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=40)
    parser.add_argument("--rate", type=float, default=1.0, metavar="CALLS_A_SECOND")
    asked = parser.parse_args()
    walked = walk()
    shown = Table(
        "design", "what", title=f"{asked.devices} devices, {asked.rate:g} calls a second, {datetime.now(UTC):%Y-%m-%d}"
    )
    for heading in ("local cloud", "simulated, median", "least", "most"):
        shown.add_column(heading, justify="right")
    for design in (GATEHOUSE, ONE_EACH):
        real, many = (
            measured(design, asked.devices, asked.rate, walked),
            simulated(design, asked.devices, asked.rate, walked),
        )
        for name, value in msgspec.structs.asdict(real).items():
            values = sorted(getattr(one, name) for one in many)
            cells = (value, values[len(values) // 2], values[0], values[-1])
            shown.add_row(design.name, name, *(f"{one:.2f}" for one in cells))
    Console(width=140).print(shown)


if __name__ == "__main__":
    main()
