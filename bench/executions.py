"""The executions of a simulation, as columns. The rows of ended ones are used again."""

import numpy as np

from bench.wheel import Ids


class Executions:
    """`device` and `step` of each execution, `call` and `tries` within the step, `attempts` and `crowded` of the two kinds of
    retries, `again` whether it enters the state again, `turn` its slot in microseconds (-1: none), `owns` whether it has claimed.
    """

    def __init__(self, room: int = 1024) -> None:
        self.device = np.zeros(room, np.int64)
        self.step = np.zeros(room, np.int8)
        self.call = np.zeros(room, np.int8)
        self.tries = np.zeros(room, np.int8)
        self.attempts = np.zeros(room, np.int8)
        self.crowded = np.zeros(room, np.int16)  # hundreds: a Lambda is waited for for hours
        self.again = np.zeros(room, bool)
        self.error = np.zeros(room, bool)
        self.lost = np.zeros(room, bool)
        self.owns = np.zeros(room, bool)
        self.turn = np.full(room, -1, np.int64)
        self.began = np.zeros(room)
        self._free: list[int] = list(range(room))[::-1]
        self.open = 0

    def start(self, devices: Ids, step: int) -> Ids:
        """New executions for `devices`, at `step`."""
        while len(self._free) < len(devices):
            self._grow()
        runs = np.array([self._free.pop() for _ in range(len(devices))])
        self.device[runs] = devices
        self.turn[runs] = -1
        self.error[runs] = self.lost[runs] = self.owns[runs] = False
        self.go(runs, step)
        self.open += len(runs)
        return runs

    def go(self, runs: Ids, step: int) -> None:
        """Note that these executions enter a state for the first time."""
        self.step[runs] = step
        self.call[runs] = self.tries[runs] = self.attempts[runs] = self.crowded[runs] = 0
        self.again[runs] = False

    def end(self, runs: Ids) -> None:
        self.open -= len(runs)
        self._free.extend(runs.tolist())

    def _grow(self) -> None:
        room = len(self.device)
        for name, column in vars(self).items():
            if isinstance(column, np.ndarray):
                setattr(self, name, np.concatenate([column, np.zeros_like(column)]))
        self._free.extend(range(2 * room - 1, room - 1, -1))
