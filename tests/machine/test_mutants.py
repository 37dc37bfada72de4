"""Each mutant of the state machines' texts must be noticed: one that nobody notices names a rule or a way that is missing."""

from collections.abc import Callable

from tests.conftest import COUNTED
from tests.machine import score

Record = Callable[[str, object], None]


def test_every_mutant_of_the_admission_is_killed(record_property: Record) -> None:
    told = score.admission()
    record_property(COUNTED, f"admission: {told}")
    assert told.survivors == ()
    assert told.tried > 500


def test_every_mutant_of_the_sweep_is_killed(record_property: Record) -> None:
    told = score.sweep()
    record_property(COUNTED, f"sweep: {told}")
    assert told.survivors == ()
    assert told.tried > 80
