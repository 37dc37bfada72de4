"""The input and the result of a simulation."""

import math

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from bench.quotas import Prices


class Knocking(Struct, frozen=True, kw_only=True):
    """How devices connect: all within `within` seconds, then again after up to `first`, doubling to `longest`, with full jitter.

    The defaults are those of AWS's device SDKs (1 to 128 seconds). `every`: instead, without jitter, that often.
    """

    within: float = 60.0
    first: float = 1.0
    longest: float = 128.0
    every: float | None = None


class Result(Struct, frozen=True, kw_only=True):
    """The result of a burst. Times are seconds after the first knock."""

    design: str
    devices: int
    admitted: int
    drained_at: float
    least: float
    """What ten calls a second allow, with no bucket to begin with."""
    events: int
    started: int
    duplicates: int
    failed: int
    refused_starts: int
    queue_requests: int
    reads: int
    oldest: float
    """The longest that a knock has waited in the queue."""
    calls: int
    throttled: int
    needed: int
    transitions: int
    invocations: int
    gigabyte_seconds: float
    most_open: int
    turn_writes: int
    """The most writes in a second to the one item that holds the turns."""
    open_writes: int
    """The most writes in a second to the one key of the index `by_outcome` that all open admissions share."""
    joined: npt.NDArray[np.float64]
    calls_by_minute: npt.NDArray[np.int64]

    @property
    def ratio(self) -> float:
        """Time until the last device is admitted, as a multiple of the least possible."""
        return self.drained_at / self.least

    @property
    def nearly(self) -> float:
        """The time at which 99 of 100 devices were admitted."""
        return float(self.joined[math.ceil(0.99 * self.devices) - 1])

    @property
    def dollars_a_million(self) -> float:
        """As `dollars`, for a million devices admitted."""
        return self.dollars / self.admitted * 1e6

    @property
    def dollars(self) -> float:
        """Step Functions, Lambda, rules, the queue, and the reads behind it."""
        price = Prices()
        spent: float = (
            self.transitions * price.transitions
            + self.invocations * price.invocations
            + self.events * price.rule_and_action
            + self.queue_requests * price.queue_requests
            + self.reads * price.reads
        ) / 1e6 + self.gigabyte_seconds * price.gigabyte_second
        return spent
