"""The local cloud as one thing: up, down, status."""

import contextlib
import fcntl
import signal
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from gatehouse.local_cloud import deploy, process
from gatehouse.local_cloud.errors import EngineFailed, NotRunning
from gatehouse.local_cloud.settings import (
    ACCOUNT,
    ADMIN_ACCESS_KEY,
    ADMIN_SECRET_KEY,
    REGION,
    STACK,
    LocalCloudSettings,
)

REPOSITORY = Path(__file__).resolve().parents[2]
BROKER_HOST = "localhost"  # a name, so that the device sends SNI, and one that the broker's certificate carries

Progress = Callable[[str], None]


def _say_nothing(step: str) -> None:
    del step


class LocalCloudStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What runs, and how to reach it. Written to ``local-cloud.json`` in the home directory."""

    running: bool
    home: str
    pid: int | None = None
    endpoint: str = ""
    mqtt_host: str = BROKER_HOST
    mqtt_port: int = 0
    broker_ca: str = ""
    """Path of the PEM file that a device must trust to believe the broker."""
    region: str = REGION
    account: str = ACCOUNT
    stack: str = STACK
    access_key_id: str = ADMIN_ACCESS_KEY
    secret_access_key: str = ADMIN_SECRET_KEY
    outputs: dict[str, str] = {}
    """The stack's outputs; empty until it is deployed."""


class LocalCloud:
    """One local cloud in one home directory. A second object for the same home finds the first one's."""

    def __init__(self, settings: LocalCloudSettings | None = None, *, template: Path | None = None) -> None:
        self.settings = settings or LocalCloudSettings.from_environment()
        self.template = template or REPOSITORY / "template.yaml"

    def up(self, progress: Progress = _say_nothing, *, parameters: dict[str, str] | None = None) -> LocalCloudStatus:
        """Start the engine unless it runs, deploy the template as it stands now, and answer how to reach it.

        Safe to repeat: a second call finds the engine and brings the stack up to date. An engine that this call started is stopped
        again when the deployment fails. Raises PortTaken, EngineFailed, DeploymentFailed.
        """
        with self._alone():
            started = self.start_engine(progress)
            try:
                progress("Deploying template.yaml")
                status = self._require_running()
                outputs = deploy.deploy(
                    self.client,
                    template_path=self.template,
                    stack=STACK,
                    endpoint=status.endpoint,
                    parameters=parameters,
                )
                status = msgspec.structs.replace(status, outputs=outputs)
                self._remember(status)
            except BaseException:
                if started:
                    self.down()
                raise
            return status

    def start_engine(self, progress: Progress = _say_nothing) -> bool:
        """Start the bare engine, without a stack. False when it ran already."""
        if process.find(self.settings) is not None:
            return False
        progress("Starting the engine")
        pid = process.start(self.settings).pid
        with urllib.request.urlopen(f"{self.settings.endpoint}/_ministack/iot/ca.pem", timeout=10) as answer:  # noqa: S310
            self.settings.broker_ca.write_bytes(answer.read())
        self._remember(
            LocalCloudStatus(
                running=True,
                home=str(self.settings.home),
                pid=pid,
                endpoint=self.settings.endpoint,
                mqtt_port=self.settings.mqtt_port,
                broker_ca=str(self.settings.broker_ca),
            )
        )
        return True

    def down(self) -> bool:
        """Stop the engine and all it started. What it held is gone. False when nothing ran."""
        stopped = process.stop(self.settings)
        self.settings.status_file.unlink(missing_ok=True)
        return stopped

    def status(self) -> LocalCloudStatus:
        """What runs in this home now. Never raises for a cloud that is down."""
        pid = process.find(self.settings)
        down = LocalCloudStatus(running=False, home=str(self.settings.home))
        if pid is None or not self.settings.status_file.exists():
            return down
        status = msgspec.json.decode(self.settings.status_file.read_bytes(), type=LocalCloudStatus)
        return status if status.pid == pid else down  # a file left by an engine that was killed

    def hold(self, ready: Callable[[], None] = lambda: None) -> None:
        """Block until Ctrl-C, SIGTERM, SIGHUP or the engine's own end; then stop the engine.

        ``ready`` is called once the signals are caught. Raises EngineFailed when the engine ended by itself.
        """
        ended = threading.Event()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: ended.set())
        ready()
        while not ended.wait(0.5):
            if process.find(self.settings) is None:
                raise EngineFailed(f"The engine ended by itself. Its log: {self.settings.log}")
        self.down()

    def client(self, service: str) -> Any:
        """A boto3 client of the running local cloud, as its administrator. Raises NotRunning."""
        return client(self._require_running(), service)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One `up` at a time: a second waits for the first, and then finds its engine."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        with (self.settings.home / "up.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _require_running(self) -> LocalCloudStatus:
        status = self.status()
        if not status.running:
            raise NotRunning(f"No local cloud runs in {self.settings.home}. Start one: gatehouse up")
        return status

    def _remember(self, status: LocalCloudStatus) -> None:
        pretty = msgspec.json.format(msgspec.json.encode(status), indent=2)
        scratch = self.settings.status_file.with_suffix(".new")
        scratch.write_bytes(pretty)
        scratch.replace(self.settings.status_file)  # a reader sees the old file or the new one


def client(status: LocalCloudStatus, service: str) -> Any:
    """A boto3 client aimed at a local cloud; nothing of the operator's own AWS configuration is read."""
    import boto3
    from botocore.config import Config

    session = boto3.Session(
        aws_access_key_id=status.access_key_id,
        aws_secret_access_key=status.secret_access_key,
        region_name=status.region,
    )
    config = Config(s3={"addressing_style": "path"}, retries={"mode": "standard"})
    return session.client(service, endpoint_url=status.endpoint, config=config)  # type: ignore[call-overload]
