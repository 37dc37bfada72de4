"""Turns: which execution may use the account's AWS IoT quota, and when. ``docs/decisions/turns.md`` has the reasons and the proof.

Time is divided into slots as long as the quota's interval. A calendar gives every slot to one lane, by the lanes' shares. A lane gives
away the coming slots one after the other. In a slot of its own lane, the holder may always go. A slot of another lane is lent: at its
time the holder asks the owning lane (`use`), and takes another turn if that lane needed the slot.

Each lane has one number: the moment up to which its slots are given away. It only grows, by one conditional write at a time. Each
write that moves it past a slot gives that slot to one holder. So no slot is used twice, whatever the clocks say. This is the
generic cell rate algorithm (ITU-T I.371) with no tolerance, on a grid.

The procedures request their writes with ``yield``, so that the table, a test and a simulation carry out the same writes.
"""

import math
from collections.abc import Generator
from typing import Literal, get_args

from msgspec import Struct

from workflows.admission.limits import Pacing

Lane = Literal["admission", "carry_out", "sweep"]
LANES: tuple[Lane, ...] = get_args(Lane)

LAPSES_AFTER = 60_000_000
"""Microseconds after its time for which a turn may be used. After that, for example at a redrive, the execution takes another."""


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
"""Every lane's number after a write, in microseconds since the epoch. A lane that nobody has used is missing."""

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
    """Slots for `pacing`. Each lane's slots are spread evenly: the lane that is furthest behind its share gets the next one."""
    shares = {lane: getattr(pacing.shares, lane) for lane in LANES}
    total, credit, owners = sum(shares.values()), dict.fromkeys(LANES, 0), []
    for _ in range(total):
        credit = {lane: credit[lane] + shares[lane] for lane in LANES}
        richest = max(LANES, key=lambda lane: credit[lane])
        credit[richest] -= total
        owners.append(richest)
    return Calendar(every=math.ceil(1_000_000 / pacing.calls_per_second), owners=tuple(owners))


def take(slots: Calendar, lane: Lane, now: int) -> Generator[Advance | Raise, Answer, int]:
    """Take the lane's next turn. Returns its moment; it and `now` are in microseconds since the epoch.

    Slots of another lane that are already given away are skipped.
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
    """Whether the turn that begins at `slot` may be used. Call it at that time or shortly before; it returns True only once.

    False: another lane has used the slot, or the turn lapsed. Take another.
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
