"""How many mutants the suite kills: the rules of ``tests/template`` judge each, and those they let pass walk every way."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.machine import static
from tests.machine.fault_cases import meddling, plainly, travel
from tests.machine.mutants import Definition, Mutant, mutants
from tests.machine.ways import MORE_WAYS, WAYS

ROOT = Path(__file__).parents[2]
EQUIVALENT: dict[str, str] = {}
"""Mutants that nobody could tell from the original, each with the reason why."""


@dataclass(frozen=True)
class Score:
    """What became of the mutants. `by_runs` are those that only a walk killed."""

    tried: int
    by_rules: int
    by_runs: int
    survivors: tuple[str, ...]

    def __str__(self) -> str:
        killed = self.by_rules + self.by_runs
        alive = f"; alive: {'; '.join(self.survivors)}" if self.survivors else ""
        return f"{killed} of {self.tried} mutants killed, {self.by_rules} by rules, {self.by_runs} by runs{alive}"


def admission() -> Score:
    text = json.loads((ROOT / "statemachine.asl.json").read_text())
    return _score(text, static.broken_by_admission, _fails_on_a_way)


def sweep() -> Score:
    text = json.loads((ROOT / "sweep.asl.json").read_text())
    return _score(text, static.broken_by_sweep, lambda _mutants: set())


def _score(
    original: Definition,
    breaks: Callable[[Definition], str | None],
    walk: Callable[[list[Mutant]], set[str]],
) -> Score:
    assert breaks(original) is None, f"the original breaks {breaks(original)}"
    tried = [mutant for mutant in mutants(original) if mutant.name not in EQUIVALENT]
    alive = [mutant for mutant in tried if breaks(mutant.definition) is None]
    killed = walk(alive)
    survivors = tuple(mutant.name for mutant in alive if mutant.name not in killed)
    return Score(len(tried), len(tried) - len(alive), len(alive) - len(survivors), survivors)


def _fails_on_a_way(alive: list[Mutant]) -> set[str]:
    """The names of those that end a way wrongly that leads through their state. All share the way's environment."""
    killed: set[str] = set()
    for way in (*WAYS, *MORE_WAYS):
        left = [mutant for mutant in alive if mutant.name not in killed and mutant.state in plainly(way)[0]]
        if not left:
            continue
        with meddling(left[0].definition) as meddler:
            for mutant in left:
                meddler.at.definition = mutant.definition
                if _goes_wrong(meddler, way):
                    killed.add(mutant.name)
    return killed


def _goes_wrong(meddler: Any, way: Any) -> bool:
    try:
        return bool(travel(meddler, way, None))
    except (AssertionError, KeyError):
        return True
