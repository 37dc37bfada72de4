"""AWS's quotas and prices, as a simulation needs them.

Sources: the service quotas of AWS IoT Core, Step Functions and Lambda, and the price lists of us-east-1, read in November 2026.
"""

import math

from msgspec import Struct, field


class Quotas(Struct, frozen=True, kw_only=True):
    """One account in one large Region (us-east-1, us-west-2, eu-west-1), nothing raised. Rates are a second."""

    connects: int = 500
    start_bucket: int = 1_300
    start_refill: int = 300
    transitions_bucket: int = 5_000
    transitions_refill: int = 5_000
    open_executions: int = 1_000_000
    lambda_concurrency: int = 1_000
    iot_bucket_seconds: float = 1.0
    """The burst that AWS IoT allows, in seconds of the rate. AWS does not publish it."""
    iot: dict[str, float] = field(
        default_factory=lambda: {
            "DescribeCertificate": 10.0,
            "UpdateCertificate": 10.0,
            "GetPolicy": 10.0,
            "AttachPolicy": 15.0,
            "CreateThing": 100.0,
            "AddThingToThingGroup": 100.0,
            "AttachThingPrincipal": 100.0,
        }
    )


class Prices(Struct, frozen=True, kw_only=True):
    """US dollars for a million, and for a gigabyte-second of Lambda (arm64)."""

    transitions: float = 25.0
    invocations: float = 0.20
    gigabyte_second: float = 0.0000133334
    rule_and_action: float = 0.30
    queue_requests: float = 0.40
    reads: float = 0.125


class Bucket:
    """A token bucket. Call `grant` in the order of time."""

    def __init__(self, rate: float, size: float) -> None:
        self.rate, self.size, self.level, self.at = rate, max(1.0, size), max(1.0, size), 0.0

    def grant(self, wanted: int, now: float) -> int:
        """How many of `wanted` calls pass at `now`."""
        self.level = min(self.size, self.level + (now - self.at) * self.rate)
        self.at = now
        passed = min(wanted, math.floor(self.level + 1e-9))
        self.level -= passed
        return passed
