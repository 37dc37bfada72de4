"""The rules of ``tests/template`` as functions of a definition: they judge a mutant in this process, without pytest."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from tests.template import test_statemachine, test_sweep_machine

Rule = Callable[..., object]
MAP = test_sweep_machine.MAP


def rules(module: Any) -> Iterator[tuple[str, Rule]]:
    """The module's tests that need nothing but the machine or its states."""
    for name, value in vars(module).items():
        if name.startswith("test_") and inspect.isfunction(value):
            wanted = set(inspect.signature(value).parameters)
            if wanted and wanted <= {"machine", "states", "whole"}:
                yield name, value


def broken_by_admission(definition: dict[str, Any]) -> str | None:
    """The first rule that does not hold; None if all do."""
    return _first(test_statemachine, definition, {}) or _gates(definition)


def broken_by_sweep(definition: dict[str, Any]) -> str | None:
    inner = definition["States"][MAP]["ItemProcessor"]
    whole = {"whole": definition}
    return _first(test_sweep_machine, definition, whole) or _first(test_sweep_machine, inner, whole)


def _gates(definition: dict[str, Any]) -> str | None:
    for gate in test_statemachine.GATES:
        leads_around = test_statemachine.test_no_way_to_activation_leads_around_a_gate
        if _breaks(leads_around, machine=definition, states=definition["States"], gate=gate):
            return f"around {gate}"
    return None


def _first(module: Any, definition: dict[str, Any], more: dict[str, Any]) -> str | None:
    given = {"machine": definition, "states": definition["States"], **more}
    for name, rule in sorted(rules(module), key=lambda found: "expression" in found[0]):
        if _breaks(rule, **{key: given[key] for key in inspect.signature(rule).parameters}):
            return name
    return None


def _breaks(rule: Rule, **given: Any) -> bool:
    try:
        rule(**given)
    except (AssertionError, KeyError, ValueError, IndexError, StopIteration, TypeError):
        return True
    return False
