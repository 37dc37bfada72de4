"""SimPy's clock for groups of devices: everything that happens in the same tick is one event with arrays."""

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import simpy

Ids = npt.NDArray[np.int64]
Times = npt.NDArray[np.float64]
Handler = Callable[[Ids, Times], None]
Parts = list[tuple[Ids, Times]]

TICK = 0.1
"""Seconds: one interval of a quota of ten a second. Times within a tick stay exact and decide the order."""
_FAR = 64
"""Ticks: later events are sorted into ticks only when they come nearer, since they are spread thinly."""


class Wheel:
    """Calls `handler(ids, times)` in the tick of these times, in their order. A late event comes in the next tick."""

    def __init__(self, environment: simpy.Environment) -> None:
        self.environment = environment
        self._near: dict[int, dict[Handler, Parts]] = {}
        self._far: dict[int, dict[Handler, Parts]] = {}
        self._now = -1

    def at(self, times: Times, handler: Handler, ids: Ids) -> None:
        """Schedule `handler` for each of `ids` at its time."""
        if not len(ids):
            return
        if len(ids) == 1:  # most have one: a paced burst comes one by one
            self._put_near(max(int(times[0] / TICK), self._now + 1), handler, (ids, times))
            return
        ticks = np.maximum((times / TICK).astype(np.int64), self._now + 1)
        blocks = ticks // _FAR
        near = blocks * _FAR <= self._now + 1
        if near.all():
            for tick, part in _split(ticks, ids, times):
                self._put_near(tick, handler, part)
            return
        for tick, part in _split(ticks[near], ids[near], times[near]):
            self._put_near(tick, handler, part)
        for block, part in _split(blocks[~near], ids[~near], times[~near]):
            if block not in self._far:
                self._far[block] = defaultdict(list)
                self._wake(block * _FAR, self._come_near)
            self._far[block][handler].append(part)

    def _put_near(self, tick: int, handler: Handler, part: tuple[Ids, Times]) -> None:
        due = self._near.get(tick)
        if due is None:
            due = self._near[tick] = defaultdict(list)
            self._wake(tick, self._run)
        due[handler].append(part)

    def _wake(self, tick: int, callback: Callable[[int], None]) -> None:
        event = self.environment.timeout(max(0.0, tick * TICK - self.environment.now))
        if event.callbacks is None:
            raise AssertionError("SimPy has processed an event that was only just made")
        event.callbacks.append(lambda _: callback(tick))

    def _come_near(self, tick: int) -> None:
        self._now = max(self._now, tick - 1)
        for handler, parts in self._far.pop(tick // _FAR).items():
            self.at(np.concatenate([part[1] for part in parts]), handler, np.concatenate([part[0] for part in parts]))

    def _run(self, tick: int) -> None:
        self._now = tick
        for handler, parts in self._near.pop(tick).items():
            if len(parts) == 1:
                ids, times = parts[0]
            else:
                ids, times = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
            if len(ids) > 1:
                order = np.argsort(times, kind="stable")
                ids, times = ids[order], times[order]
            handler(ids, times)


def _split(keys: Ids, ids: Ids, times: Times) -> Iterator[tuple[int, tuple[Ids, Times]]]:
    """The parts that have the same key."""
    if not len(keys):
        return
    order = np.argsort(keys, kind="stable")
    keys, ids, times = keys[order], ids[order], times[order]
    starts = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist()]
    for start, end in zip(starts, [*starts[1:], len(ids)], strict=True):
        yield int(keys[start]), (ids[start:end], times[start:end])
