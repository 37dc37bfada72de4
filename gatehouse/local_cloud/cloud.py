"""Starts and stops the local cloud, and reads its status."""

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
from gatehouse.local_cloud.home import usable
from gatehouse.local_cloud.settings import ACCOUNT, REGION, STACK, LocalCloudSettings

REPOSITORY = Path(__file__).resolve().parents[2]
RETRIES: Any = {"mode": "standard", "total_max_attempts": 8}
"""How the command repeats throttled calls: for some 35 seconds in all, with pauses of at most 20 seconds and full jitter
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html). boto3's default is five calls within some two seconds."""
BROKER_HOST = "localhost"  # a name, so that the device sends SNI; the broker's certificate has it

Progress = Callable[[str], None]


def _say_nothing(step: str) -> None:
    del step


class LambdaThrottled(msgspec.Struct, frozen=True, kw_only=True):
    """The number of calls that Lambda has throttled since the engine started, and the time of the last, in seconds since the epoch. The
    number is at most a second old."""

    calls: int
    last_at: float


class LocalCloudStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the cloud runs, and how to reach it. Written to ``local-cloud.json`` in the home directory."""

    running: bool
    home: str
    pid: int | None = None
    endpoint: str = ""
    mqtt_host: str = BROKER_HOST
    mqtt_port: int = 0
    broker_ca: str = ""
    """Path of the PEM file with the CA of the broker, which a device must trust."""
    region: str = REGION
    account: str = ACCOUNT
    stack: str = STACK
    access_key_id: str = ""
    secret_access_key: str = ""
    """The administrator's secret key of this engine. Only the owner can read the file with it."""
    outputs: dict[str, str] = {}
    """The stack's outputs; empty until it is deployed."""
    lambda_concurrency: int = 0
    """How many calls of Lambda may run at once. Further calls are throttled."""
    lambda_throttled: LambdaThrottled | None = None
    """None if Lambda has throttled nothing yet."""


class LocalCloud:
    """One local cloud in one home directory. Two objects with the same home are the same cloud."""

    def __init__(self, settings: LocalCloudSettings | None = None, *, template: Path | None = None) -> None:
        self.settings = settings or LocalCloudSettings.from_environment()
        self.template = template or REPOSITORY / "template.yaml"

    def up(self, progress: Progress = _say_nothing, *, parameters: dict[str, str] | None = None) -> LocalCloudStatus:
        """Start the engine unless it runs, and deploy the present template. Returns how to reach the cloud.

        Safe to repeat: a second call updates the stack. If the deployment fails, an engine that this call started is stopped.
        Raises PortTaken, EngineFailed, DeploymentFailed, HomeUnusable.
        """
        with usable(self.settings.home), self._alone():
            started = self._start(progress)
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
                    self._stop()
                raise
            return status

    def start_engine(self, progress: Progress = _say_nothing) -> bool:
        """Start the engine without a stack. Returns False if it ran before. Raises PortTaken, EngineFailed, HomeUnusable."""
        with usable(self.settings.home), self._alone():
            return self._start(progress)

    def _start(self, progress: Progress) -> bool:
        if self.status().running:
            return False
        process.stop(self.settings)  # an engine whose starter was killed before it could write down the key
        progress("Starting the engine")
        key = process.Key.new()
        self.settings.lambda_use.unlink(missing_ok=True)
        pid = process.start(self.settings, key).pid
        try:
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
                    access_key_id=key.id,
                    secret_access_key=key.secret,
                    lambda_concurrency=self.settings.lambda_concurrency,
                )
            )
        except BaseException:
            self._stop()
            raise
        return True

    def down(self) -> bool:
        """Stop the engine and its processes, and delete its data. Returns False if nothing ran."""
        if not self.settings.home.exists():
            return False
        with self._alone():
            return self._stop()

    def _stop(self) -> bool:
        stopped = process.stop(self.settings)
        self.settings.status_file.unlink(missing_ok=True)
        return stopped

    def status(self) -> LocalCloudStatus:
        """The status of the cloud in this home. Does not raise if it does not run."""
        pid = process.find(self.settings)
        down = LocalCloudStatus(running=False, home=str(self.settings.home))
        if pid is None or not self.settings.status_file.exists():
            return down
        status = msgspec.json.decode(self.settings.status_file.read_bytes(), type=LocalCloudStatus)
        if status.pid != pid:
            return down  # a file left by an engine that was killed
        return msgspec.structs.replace(status, lambda_throttled=self._throttled())

    def _throttled(self) -> LambdaThrottled | None:
        with contextlib.suppress(FileNotFoundError):
            return msgspec.json.decode(self.settings.lambda_use.read_bytes(), type=LambdaThrottled)
        return None

    def run_until_stopped(self, ready: Callable[[], None] = lambda: None) -> None:
        """Wait for Ctrl-C, SIGTERM, SIGHUP or the end of the engine; then stop the engine.

        ``ready`` is called when the signal handlers are set. Raises EngineFailed if the engine ends by itself.
        """
        ended, own = threading.Event(), process.find(self.settings)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: ended.set())
        ready()
        while not ended.wait(0.5):
            if process.find(self.settings) != own:
                raise EngineFailed(f"The engine ended by itself. Its log: {self.settings.log}")
        with self._alone():
            if process.find(self.settings) == own:  # not an engine that somebody else has started since
                self._stop()

    def client(self, service: str) -> Any:
        """A boto3 client of the running local cloud, as its administrator. Raises NotRunning."""
        return client(self._require_running(), service)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """A lock for this home: only one `up` or `down` runs at a time."""
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
        scratch.unlink(missing_ok=True)
        scratch.touch(mode=0o600, exist_ok=False)  # before the key is in it
        scratch.write_bytes(pretty)
        scratch.replace(self.settings.status_file)  # a reader sees the old file or the new one


def client(status: LocalCloudStatus, service: str) -> Any:
    """A boto3 client of a local cloud. It reads nothing of the operator's own AWS configuration."""
    import boto3
    from botocore.config import Config

    session = boto3.Session(
        aws_access_key_id=status.access_key_id,
        aws_secret_access_key=status.secret_access_key,
        region_name=status.region,
    )
    config = Config(s3={"addressing_style": "path"}, retries=RETRIES)
    return session.client(service, endpoint_url=status.endpoint, config=config)  # type: ignore[call-overload]
