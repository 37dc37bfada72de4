"""Mutants of a state machine's text: one thing is wrong in each. The suite is worth what it notices.

The operators are those by which a hand slips in such a text: a handler, an error, a branch or a time-out is dropped, a target or a
condition is another, an error is widened, a variable is not kept.
"""

import copy
import json
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Definition = dict[str, Any]


@dataclass(frozen=True)
class Mutant:
    """`name` says what is wrong, `text` is the definition as JSON."""

    name: str
    text: str
    state: str
    """Where it is."""

    @property
    def definition(self) -> Definition:
        read: Definition = json.loads(self.text)
        return read


def mutants(original: Definition) -> Iterator[Mutant]:
    """Every mutant, in the order of the text."""
    for place, machine in _machines(original, ()):
        names = list(machine["States"])
        for name in names:
            for what, change in _slips(machine["States"][name], names):
                mutant = copy.deepcopy(original)
                state = _at(mutant, (*place, "States", name))
                change(state)
                yield Mutant(f"{name}: {what}", json.dumps(mutant), name)


def _machines(machine: Definition, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Definition]]:
    yield place, machine
    for name, state in machine["States"].items():
        if "ItemProcessor" in state:
            yield from _machines(state["ItemProcessor"], (*place, "States", name, "ItemProcessor"))


def _at(whole: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        whole = whole[key]
    return whole


Change = Callable[[Definition], object]


def _drop(*place: Any) -> Change:
    return lambda state: _at(state, place[:-1]).pop(place[-1])


def _put(value: object, *place: Any) -> Change:
    return lambda state: operator.setitem(_at(state, place[:-1]), place[-1], value)


def _slips(state: Definition, names: list[str]) -> Iterator[tuple[str, Change]]:
    for kind in ("Retry", "Catch"):
        for number, handler in enumerate(state.get(kind, [])):
            yield from _handler_slips(kind, number, handler, names)
    for number, rule in enumerate(state.get("Choices", [])):
        yield from _rule_slips(number, rule, names)
    for field in sorted({"Next", "Default"} & set(state)):
        for target in _others(state[field], names):
            yield f"{field} is {target}", _put(target, field)
    if "TimeoutSeconds" in state:
        yield "no TimeoutSeconds", _drop("TimeoutSeconds")
    for variable in state.get("Assign", {}):
        yield f"does not assign {variable}", _drop("Assign", variable)


def _handler_slips(kind: str, number: int, handler: Definition, names: list[str]) -> Iterator[tuple[str, Change]]:
    label, errors = f"{kind} {number + 1}", handler["ErrorEquals"]
    yield f"no {label}", _drop(kind, number)
    for gone in errors if len(errors) > 1 else ():
        yield f"{label} without {gone}", _put([error for error in errors if error != gone], kind, number, "ErrorEquals")
    yield f"{label} takes everything", _put(["States.ALL"], kind, number, "ErrorEquals")
    for target in _others(handler["Next"], names) if "Next" in handler else ():
        yield f"{label} leads to {target}", _put(target, kind, number, "Next")
    for variable in handler.get("Assign", {}):
        yield f"{label} does not assign {variable}", _drop(kind, number, "Assign", variable)


def _rule_slips(number: int, rule: Definition, names: list[str]) -> Iterator[tuple[str, Change]]:
    label = f"Choice {number + 1}"
    condition = rule["Condition"].removeprefix("{%").removesuffix("%}").strip()
    yield f"no {label}", _drop("Choices", number)
    yield f"{label} is negated", _put(f"{{% $not({condition}) %}}", "Choices", number, "Condition")
    for target in _others(rule["Next"], names):
        yield f"{label} leads to {target}", _put(target, "Choices", number, "Next")
    for variable in rule.get("Assign", {}):
        yield f"{label} does not assign {variable}", _drop("Choices", number, "Assign", variable)


def _others(target: str, names: list[str]) -> list[str]:
    """The states before and after it in the text: the slip of a line."""
    at = names.index(target)
    return sorted({names[(at + 1) % len(names)], names[at - 1]} - {target})
