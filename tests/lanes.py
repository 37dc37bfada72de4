"""The table of turns in memory: the writes of `workflows.admission.turns`, carried out one at a time."""

from collections.abc import Generator
from typing import TypeVar

from workflows.admission import turns
from workflows.admission.turns import Advance, Answer, Calendar, Lane, Raise

T = TypeVar("T")
Procedure = Generator[Advance | Raise, Answer, T] | Generator[Raise, Answer, T]


class Lanes:
    """One account's turns. Times are microseconds."""

    def __init__(self, slots: Calendar) -> None:
        self.slots = slots
        self.numbers: dict[str, int] = {}
        self.writes = 0
        """The number of write requests: DynamoDB also counts one whose condition is not met."""

    def write(self, write: Advance | Raise) -> Answer:
        """What DynamoDB does with a conditional update."""
        self.writes += 1
        number = self.numbers.get(write.lane)
        match write:
            case Advance():
                if number is None or number <= write.above:
                    return None
                self.numbers[write.lane] = number + write.by
            case Raise():
                if number is not None and number > write.at_most:
                    return None
                self.numbers[write.lane] = write.to
        return dict(self.numbers)

    def run(self, procedure: Procedure[T]) -> T:
        """Run a procedure without other writers."""
        try:
            write = next(procedure)
            while True:
                write = procedure.send(self.write(write))
        except StopIteration as done:
            result: T = done.value
            return result

    def take(self, lane: Lane, now: int) -> int:
        return self.run(turns.take(self.slots, lane, now))

    def use(self, lane: Lane, slot: int, now: int) -> bool:
        return self.run(turns.use(self.slots, lane, slot, now))
