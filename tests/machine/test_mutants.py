"""Each mutant of the state machines' texts must be noticed: one that nobody notices names a rule or a way that is missing."""

import sys

import pytest

from tests.machine import score


def test_every_mutant_of_the_admission_is_killed(capsys: pytest.CaptureFixture[str]) -> None:
    told = score.admission()
    with capsys.disabled():
        sys.stdout.write(f"\nadmission: {told}" + "\n")
    assert told.survivors == ()
    assert told.tried > 500


def test_every_mutant_of_the_sweep_is_killed(capsys: pytest.CaptureFixture[str]) -> None:
    told = score.sweep()
    with capsys.disabled():
        sys.stdout.write(f"\nsweep: {told}" + "\n")
    assert told.survivors == ()
    assert told.tried > 80
