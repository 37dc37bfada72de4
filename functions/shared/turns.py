"""The table of turns (`workflows.admission.turns`): one item with a number for each lane, changed by conditional updates."""

from collections.abc import Generator
from datetime import datetime
from typing import TypeVar

from functions.shared import clock, conditional
from functions.shared.conditional import ConditionFailed
from workflows.admission import turns
from workflows.admission.errors import TurnLost
from workflows.admission.limits import Pacing
from workflows.admission.turns import Advance, Answer, Lane, Raise
from workflows.errors import AwsUnavailable

T = TypeVar("T")

_ITEM = {"lane": "all"}
"""All lanes are in one item, so that each write also returns the numbers of the others."""

_WRITES = 250
"""The most writes for one turn: over twice the slots between two of one lane. Only a table that others keep writing reaches it."""


class Turns:
    """The turns of the account in this Region."""

    def __init__(self, table: str, pacing: Pacing) -> None:
        self.table = table
        self.slots = turns.calendar(pacing)

    def take(self, lane: Lane, now: datetime) -> datetime:
        """Take the next turn of `lane`. Returns its time. Raises `AwsUnavailable`."""
        return clock.from_microseconds(self._carry_out(turns.take(self.slots, lane, clock.microseconds(now))))

    def use(self, lane: Lane, turn_at: datetime, now: datetime) -> bool:
        """Whether the turn may be used; if so, waits for the rest of the second. False: take another.

        Step Functions' Wait drops the fraction of a timestamp
        (https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html), so ten turns would come at once.
        """
        usable = self._carry_out(turns.use(self.slots, lane, clock.microseconds(turn_at), clock.microseconds(now)))
        if usable:
            clock.sleep(min((turn_at - now).total_seconds(), 1.0))
        return usable

    def ensure(self, lane: Lane, turn_at: datetime | None, now: datetime) -> None:
        """Use the turn, if one was taken. Raises `TurnLost`."""
        if turn_at is not None and not self.use(lane, turn_at, now):
            raise TurnLost(f"The turn at {turn_at:%H:%M:%S.%f} was needed by another lane, or has lapsed.")

    def _carry_out(self, procedure: Generator[Advance | Raise, Answer, T] | Generator[Raise, Answer, T]) -> T:
        """Make the writes that `procedure` requests."""
        answer: Answer = None
        try:
            write = next(procedure)
            for _ in range(_WRITES):
                answer = self._write(write)
                write = procedure.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result
        raise AwsUnavailable(f"No turn after {_WRITES} writes to {self.table}: others took each one first.")

    def _write(self, write: Advance | Raise) -> Answer:
        match write:
            case Advance():
                return self._update(write.lane, "SET #l = #l + :by", "#l > :above", by=write.by, above=write.above)
            case Raise():
                condition = "attribute_not_exists(#l) OR #l <= :at_most"
                return self._update(write.lane, "SET #l = :to", condition, to=write.to, at_most=write.at_most)

    def _update(self, lane: Lane, update: str, condition: str, **named: int) -> Answer:
        try:
            numbers = conditional.update(
                self.table, _ITEM, update, condition=condition, given=named, names={"#l": lane}
            )
        except ConditionFailed:
            return None
        return {name: number for name, number in numbers.items() if name in turns.LANES}
