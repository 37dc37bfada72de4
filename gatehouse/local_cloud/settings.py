"""The settings of the local cloud, read once from the environment: directory, ports, limits."""

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
"""How many calls of Lambda may run at once; GATEHOUSE_LAMBDA_CONCURRENCY sets another number."""


class LocalCloudSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One local cloud: its home directory, its ports and its limits.

    ``wait_scale``: the factor for Wait states and retry intervals of Step Functions, not for task timeouts. 1 is as on AWS, 0 does not
    wait.

    ``iot_calls_per_second``: throttle AWS IoT's control plane like an account with this quota for DescribeCertificate. None throttles
    nothing. The calls are then listed in ``iot_calls``, one on each line.

    ``lambda_concurrency``: how many calls of Lambda may run at once. Further calls are throttled, as in an account with this quota.
    ``lambda_idle``: how many idle processes are kept. 24 are about two for each function of an admission.
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
        """Has a folder for each engine's files. A running engine removes all others."""
        return self.home / "tmp"

    @property
    def iot_calls(self) -> Path:
        return self.home / "iot-calls.log"

    @property
    def lambda_use(self) -> Path:
        """The file with the number of calls that Lambda has throttled; missing if it has throttled none."""
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
            f"GATEHOUSE_IOT_CALLS_PER_SECOND is {raw!r}; expected a number above 0, such as 10; or leave it empty for no throttling."
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
