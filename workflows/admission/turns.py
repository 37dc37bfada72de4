"""Turns: who may use the account's AWS IoT quota, and when. Why it is done so, with the proof: ``docs/decisions/turns.md``.

Time is cut into slots as long as the quota's interval. A calendar gives every slot to one lane, by the lanes' shares. A lane hands
out the slots that come, one after the other: in its own the holder may go for certain, another lane's is lent. Whoever holds a lent
slot asks the lane it belongs to once the time has come (`use`), and takes another turn if that lane has needed it.

One number is kept a lane: the moment up to which its slots are given away. It only grows, by one conditional write at a time, and
each write that moves it past a slot gives that slot to one holder: so no slot is used twice, whatever the clocks say. This is the
generic cell rate algorithm (ITU-T I.371) with no tolerance, on a grid.

The procedures ask for their writes with ``yield``, so that the table, a test and a simulation carry out the same ones.
"""

import math
from collections.abc import Generator
from typing import Literal, get_args

from msgspec import Struct

from workflows.admission.limits import Pacing

Lane = Literal["admission", "carry_out", "sweep"]
LANES: tuple[Lane, ...] = get_args(Lane)

LAPSES_AFTER = 60_000_000
"""Microseconds after its time for which a turn may be used. What comes later, such as a redrive, takes another."""


class Advance(Struct, frozen=True, kw_only=True):
    """Write: add `by` to the lane's number, if it is greater than `above`."""

    lane: Lane
    by: int
    above: int


class Raise(Struct, frozen=True, kw_only=True):
    """Write: set the lane's number to `to`, if there is none or it is at most `at_most`."""

    lane: Lane
    to: int
    at_most: int


Numbers = dict[str, int]
"""Every lane's number as it stands after a write, in microseconds since the epoch. A lane that nobody has used is missing."""

Answer = Numbers | None
"""None: the condition did not hold, and nothing was written."""


class Calendar(Struct, frozen=True, kw_only=True):
    """`every` is a slot's length in microseconds; `owners` names the lane of each slot, and repeats."""

    every: int
    owners: tuple[Lane, ...]

    def owner(self, slot: int) -> Lane:
        """The lane whose slot begins at `slot`."""
        return self.owners[slot // self.every % len(self.owners)]

    def next(self, moment: int) -> int:
        """The beginning of the first slot that does not begin before `moment`."""
        return -(-moment // self.every) * self.every

    def of(self, number: int) -> int:
        """The slot that a lane with this number gives away next. Aligned, unless the rate was changed since it was written."""
        return number // self.every * self.every


def calendar(pacing: Pacing) -> Calendar:
    """Slots for `pacing`, each lane's spread evenly: always the lane that is furthest behind its share goes next."""
    shares = {lane: getattr(pacing.shares, lane) for lane in LANES}
    total, credit, owners = sum(shares.values()), dict.fromkeys(LANES, 0), []
    for _ in range(total):
        credit = {lane: credit[lane] + shares[lane] for lane in LANES}
        richest = max(LANES, key=lambda lane: credit[lane])
        credit[richest] -= total
        owners.append(richest)
    return Calendar(every=math.ceil(1_000_000 / pacing.calls_per_second), owners=tuple(owners))


def take(slots: Calendar, lane: Lane, now: int) -> Generator[Advance | Raise, Answer, int]:
    """The lane's next turn: the moment it comes, in microseconds since the epoch, as `now` is.

    Slots of another lane that are given away already are passed over.
    """
    first = slots.next(now)
    while True:
        numbers = yield Advance(lane=lane, by=slots.every, above=first)
        if numbers is not None:
            slot = slots.of(numbers[lane] - slots.every)
        else:
            numbers = yield Raise(lane=lane, to=first + slots.every, at_most=first)
            slot = first
        if numbers is not None and _is_free(slots, slot, lane, numbers):
            return slot


def use(slots: Calendar, lane: Lane, slot: int, now: int) -> Generator[Raise, Answer, bool]:
    """May the turn that begins at `slot` be used? Asked at its time or shortly before; a yes counts once.

    No: another lane has used it, or it lapsed. Take another.
    """
    if now > slot + LAPSES_AFTER:
        return False
    owner = slots.owner(slot)
    if owner == lane:
        return True
    end = slot + slots.every
    return (yield Raise(lane=owner, to=end, at_most=end - 1)) is not None


def _is_free(slots: Calendar, slot: int, lane: Lane, numbers: Numbers) -> bool:
    owner = slots.owner(slot)
    return owner == lane or slots.of(numbers.get(owner, 0)) <= slot
