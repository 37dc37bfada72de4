"""Where the local cloud keeps its files and which ports it takes, read once from the environment."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gatehouse.local_cloud.errors import LocalCloudError

ACCOUNT = "000000000000"
REGION = "us-east-1"
STACK = "gatehouse"
LOOPBACK = "127.0.0.1"

LOCK_VARIABLE = "GATEHOUSE_ENGINE_LOCK"
IOT_RATE_VARIABLE, IOT_LOG_VARIABLE = "GATEHOUSE_IOT_CALLS_PER_SECOND", "GATEHOUSE_IOT_CALLS"
LIMIT_VARIABLE, IDLE_VARIABLE = "LAMBDA_ACCOUNT_CONCURRENCY", "GATEHOUSE_LAMBDA_IDLE"
USE_VARIABLE = "GATEHOUSE_LAMBDA_USE"
"""Variables in the engine's environment: ``process`` sets them, the engine and its additions read them."""

LAMBDA_CONCURRENCY = 16
"""Calls of Lambda in flight at once, unless GATEHOUSE_LAMBDA_CONCURRENCY says otherwise."""


class LocalCloudSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One local cloud: its home directory, ports, and how fast Step Functions waits pass.

    ``wait_scale``: 1 waits as AWS does, 0.01 a hundredth of it, 0 not at all. It scales Wait states and
    retry intervals, not task timeouts.

    ``iot_calls_per_second``: throttle AWS IoT's control plane as an account does whose quota for DescribeCertificate is this;
    None throttles nothing. What is called then stands in ``iot_calls``, a line each.

    ``lambda_concurrency``: calls of Lambda in flight at once; what is above is throttled, as by an account with this quota.
    ``lambda_idle``: idle processes kept beside those that work; 24 are some two for each function that an admission passes through.
    """

    home: Path
    port: int = 4566
    mqtt_port: int = 8883
    wait_scale: float = 1.0
    iot_calls_per_second: float | None = None
    lambda_concurrency: int = LAMBDA_CONCURRENCY
    lambda_idle: int = 24

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        return self.home / "engine.log"

    @property
    def lock(self) -> Path:
        return self.home / "engine.pid"

    @property
    def scratch(self) -> Path:
        """Holds a folder of each engine's files; the engine that runs removes all but its own."""
        return self.home / "tmp"

    @property
    def iot_calls(self) -> Path:
        return self.home / "iot-calls.log"

    @property
    def lambda_use(self) -> Path:
        """How often Lambda has throttled, once it has."""
        return self.home / "lambda-throttled.json"

    @property
    def broker_ca(self) -> Path:
        return self.home / "broker-ca.pem"

    @property
    def status_file(self) -> Path:
        return self.home / "local-cloud.json"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "LocalCloudSettings":
        """Read GATEHOUSE_HOME, _PORT, _MQTT_PORT, _IOT_CALLS_PER_SECOND and _LAMBDA_CONCURRENCY, and SFN_WAIT_SCALE.

        Raises LocalCloudError.
        """
        given = os.environ if environment is None else environment
        return cls(
            home=Path(given.get("GATEHOUSE_HOME", ".gatehouse")).resolve(),
            port=_port(given, "GATEHOUSE_PORT", 4566),
            mqtt_port=_port(given, "GATEHOUSE_MQTT_PORT", 8883),
            wait_scale=_scale(given.get("SFN_WAIT_SCALE", "1")),
            iot_calls_per_second=_rate(given.get("GATEHOUSE_IOT_CALLS_PER_SECOND", "")),
            lambda_concurrency=_concurrency(given.get("GATEHOUSE_LAMBDA_CONCURRENCY", "")),
        )


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    raw = environment.get(name, "") or str(default)
    if not raw.isdecimal() or not 0 < int(raw) < 65536:
        raise LocalCloudError(f"{name} is {raw!r}; expected a port between 1 and 65535, such as {default}.")
    return int(raw)


def _concurrency(raw: str) -> int:
    wanted = raw or str(LAMBDA_CONCURRENCY)
    if not wanted.isdecimal() or not 1 <= int(wanted) <= 10_000:
        raise LocalCloudError(
            f"GATEHOUSE_LAMBDA_CONCURRENCY is {raw!r}; expected a number of calls from 1 to 10000, such as {LAMBDA_CONCURRENCY}. "
            "Each takes some 60 MB."
        )
    return int(wanted)


def _rate(raw: str) -> float | None:
    if not raw:
        return None
    try:
        rate = float(raw)
    except ValueError:
        rate = -1.0
    if not 0 < rate <= 10_000:
        raise LocalCloudError(
            f"GATEHOUSE_IOT_CALLS_PER_SECOND is {raw!r}; expected a number above 0, such as 10, or nothing to throttle nothing."
        )
    return rate


def _scale(raw: str) -> float:
    try:
        scale = float(raw)
    except ValueError:
        scale = -1.0
    if not 0 <= scale <= 1000:  # NaN fails this too
        raise LocalCloudError(f"SFN_WAIT_SCALE is {raw!r}; expected a number from 0 (do not wait) to 1 (as AWS does).")
    return scale
