"""Starts, finds and stops the engine's process. Signals go only to a pid whose process holds the lock on the pid file."""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

from gatehouse.local_cloud.errors import EngineFailed, PortTaken
from gatehouse.local_cloud.settings import (
    IDLE_VARIABLE,
    IOT_LOG_VARIABLE,
    IOT_RATE_VARIABLE,
    LIMIT_VARIABLE,
    LOCK_VARIABLE,
    LOOPBACK,
    REGION,
    USE_VARIABLE,
    LocalCloudSettings,
)

READY_WITHIN_SECONDS = 30.0
STOP_WITHIN_SECONDS = 15.0
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT", "LD_LIBRARY_PATH")


class Key(NamedTuple):
    """The administrator's access key, made at each start of an engine."""

    id: str
    secret: str

    @classmethod
    def new(cls) -> "Key":
        letters = string.ascii_uppercase + string.digits
        return cls("LOCAL" + "".join(secrets.choice(letters) for _ in range(15)), secrets.token_urlsafe(30))


def environment(settings: LocalCloudSettings, key: Key, scratch: Path) -> dict[str, str]:
    """The engine's whole environment. `scratch` is the folder of its files.

    It is not inherited: the operator's AWS profile must not reach the engine or a Lambda.
    """
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    throttling: dict[str, str] = {}
    if settings.iot_calls_per_second is not None:
        throttling[IOT_RATE_VARIABLE] = str(settings.iot_calls_per_second)
        throttling[IOT_LOG_VARIABLE] = str(settings.iot_calls)
    return (
        passed_on
        | throttling
        | {
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": key.id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": settings.endpoint,
            "BIND_HOST": LOOPBACK,
            "DOCKER_HOST": f"unix://{settings.home}/no-docker",  # so that the engine removes no containers of others
            "GATEWAY_PORT": str(settings.port),
            "IOT_MTLS_PORT": str(settings.mqtt_port),
            "MINISTACK_REGION": REGION,
            "PYTHONDONTWRITEBYTECODE": "1",
            "SFN_WAIT_SCALE": str(settings.wait_scale),
            "SFTP_ENABLED": "0",
            "STATE_DIR": str(scratch / "state"),
            "S3_DATA_DIR": str(scratch / "s3"),
            "TMPDIR": str(scratch),
            LOCK_VARIABLE: str(settings.lock),
            LIMIT_VARIABLE: str(settings.lambda_concurrency),
            IDLE_VARIABLE: str(settings.lambda_idle),
            USE_VARIABLE: str(settings.lambda_use),
        }
    )


def find(settings: LocalCloudSettings) -> int | None:
    """The pid of the engine that runs in this home, or None. The engine holds a lock on the file while it runs."""
    try:
        with settings.lock.open("r+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two calls of this do not disturb each other
            except BlockingIOError:
                return int(file.read() or 0) or None
    except FileNotFoundError:
        return None
    return None


def start(settings: LocalCloudSettings, key: Key) -> "subprocess.Popen[bytes]":
    """Start the engine in a session of its own and wait until it is ready. Raises PortTaken, EngineFailed, OSError.

    Its files are in a new folder, so that a clean-up after one engine does not remove the files of the next.
    """
    for name, port in (("GATEHOUSE_PORT", settings.port), ("GATEHOUSE_MQTT_PORT", settings.mqtt_port)):
        _require_free(name, port)
    settings.scratch.mkdir(mode=0o700, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="engine-", dir=settings.scratch))
    settings.lock.touch(mode=0o600)
    settings.log.touch(mode=0o600)
    with settings.log.open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "gatehouse.local_cloud.engine"],
            env=environment(settings, key, scratch),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C does not reach it, and its process group can be stopped
        )
    try:
        _wait_until_ready(settings, child)
    except BaseException:
        _stop_group(child.pid)
        _wait_for_end(child.pid, STOP_WITHIN_SECONDS)
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return child


def stop(settings: LocalCloudSettings) -> bool:
    """Stop the engine of this home and its workers, by force if they take too long. Returns False if none runs.

    Removes all engines' files. The caller must prevent the start of another engine meanwhile.
    """
    pid = find(settings)
    if pid is None:
        return False
    _stop_group(pid)
    _wait_for_end(pid, STOP_WITHIN_SECONDS)
    shutil.rmtree(settings.scratch, ignore_errors=True)
    return True


def is_ready(settings: LocalCloudSettings) -> bool:
    """Whether the engine answers and its MQTT listener is ready."""
    try:
        with urllib.request.urlopen(f"{settings.endpoint}/_ministack/ready", timeout=2) as answer:  # noqa: S310 - loopback
            return b'"listening"' in answer.read()
    except (OSError, urllib.error.URLError):
        return False


def _wait_until_ready(settings: LocalCloudSettings, child: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not is_ready(settings):
        if child.poll() is not None:
            raise EngineFailed(
                f"The engine ended with status {child.returncode} while starting.\n{_tail(settings.log)}"
            )
        if time.monotonic() > deadline:
            raise EngineFailed(f"The engine was not ready after {READY_WITHIN_SECONDS:g} s.\n{_tail(settings.log)}")
        time.sleep(0.05)


def _require_free(name: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            holder = holder_of(port)
            by = f" by {holder}" if holder else ""
            raise PortTaken(
                f"Port {port} is in use{by} ({error.strerror}). Stop that program, or choose another port: {name}={port + 1}."
            ) from error


def holder_of(port: int) -> str | None:
    """The process that listens on a TCP port, as ``name (pid N)``; None if unknown (another user's process, or not Linux)."""
    inodes = {
        fields[9]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for fields in (line.split() for line in Path(table).read_text().splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port
    }
    for link in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        try:
            target = os.readlink(link)
            if target.startswith("socket:[") and target[8:-1] in inodes:
                process = link.parent.parent
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue  # the process has ended, or is another user's
    return None


def _stop_group(pid: int) -> None:
    _signal_group(pid, signal.SIGTERM)


def _wait_for_end(pid: int, within: float) -> None:
    """Wait until the engine and the workers in its group have ended; kill those that have not after `within` seconds."""
    deadline = time.monotonic() + within
    while _signal_group(pid, 0):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # a child stays in the group until it is waited for
        if time.monotonic() > deadline:
            _signal_group(pid, signal.SIGKILL)
            return
        time.sleep(0.02)


def _signal_group(pid: int, number: int) -> bool:
    """Send a signal to the group. Returns False if no process of it is left."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    return True


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
