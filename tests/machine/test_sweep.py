"""The fault sweep: every side effect of every state with every kind of fault, one recovery each. ``make sweep`` tries them all."""

import os
import sys

import pytest

from tests.machine import sweep
from tests.machine.ways import WAYS, Way

WHOLE = os.environ.get("GATEHOUSE_SWEEP") == "whole"


def _known(way: Way) -> frozenset[str]:
    """States that an earlier way is swept through: recorded anew, so that each way's test may run alone and on either core."""
    known: set[str] = set()
    for earlier in () if WHOLE else WAYS[: WAYS.index(way)]:
        known |= sweep.states_of(earlier)
    return frozenset(known)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_no_fault_breaks_a_promise(way: Way, capsys: pytest.CaptureFixture[str]) -> None:
    told = sweep.sweep((way,), whole=WHOLE, known=_known(way))
    with capsys.disabled():
        sys.stdout.write(f"\n{way.name}: {told.tried} fault cases tried, {len(told.broken)} broke a promise" + "\n")
    assert told.broken == []


def test_a_promise_that_is_broken_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep is worth what it notices: a machine that rolls nothing back, and one that activates what was revoked."""
    text = sweep.definition()
    text["States"]["Attach policy"]["Catch"][1]["Next"] = "Seal evidence of the end"
    text["States"]["Is it revoked?"]["Choices"][1]["Next"] = "Look up device"
    for name in ("rolled back", "revoked"):
        [way] = [one for one in WAYS if one.name == name]
        with sweep.meddling(text) as meddler:
            assert sweep.travel(meddler, way, None) != []
