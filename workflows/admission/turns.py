"""Turns: the generic cell rate algorithm (ITU-T I.371) with no tolerance, so that no two calls come closer than the quota allows.

One number is kept a lane: the theoretical arrival time, the earliest moment at which the next turn may be taken. AWS's own token
bucket would allow a burst; we leave it to whoever else uses the account.
"""

import math

from msgspec import Struct


class Turn(Struct, frozen=True, kw_only=True):
    """`at` is when this one may go, `arrival` what is kept for the next. Both in milliseconds since the epoch."""

    at: int
    arrival: int


def interval(per_second: float) -> int:
    """Milliseconds between two turns; rounded up, so that the quota is never exceeded."""
    return math.ceil(1000 / per_second)


def take(arrival: int | None, now: int, every: int) -> Turn:
    """The next turn. `arrival` is what was kept, None in a lane nobody has used."""
    at = now if arrival is None else max(now, arrival)
    return Turn(at=at, arrival=at + every)
