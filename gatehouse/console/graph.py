"""Reads a state machine's definition as a graph to draw: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html."""

import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct

from gatehouse.console.errors import DefinitionUnreadable
from workflows import stored

Kind = Literal["next", "choice", "catch"]

_LITERAL = re.compile(r"=\s*'([^']{1,24})'")


class Node(Struct, frozen=True, kw_only=True):
    """One state. `happy`: it is on the main path through the definition; `end`: nothing follows it."""

    name: str
    type: str
    comment: str
    happy: bool
    end: bool


class Edge(Struct, frozen=True, kw_only=True):
    """One transition. A catch and a next are two edges, even if both lead to the same state.

    `label` is short: the value that a choice compares with, or the errors of a catch. `condition` is the whole text.
    """

    source: str
    target: str
    kind: Kind
    label: str = ""
    condition: str = ""


class Graph(Struct, frozen=True, kw_only=True):
    """States in the order of the definition."""

    start: str
    comment: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def read(definition: str) -> Graph:
    """Read a definition. A Map or Parallel is one node, without the states inside it. Raises `DefinitionUnreadable`."""
    try:
        machine: dict[str, Any] = stored.read(definition, dict[str, Any])
        states: dict[str, dict[str, Any]] = machine["States"]
        edges = tuple(_merged(edge for name, state in states.items() for edge in _edges(name, state)))
        happy = set(_happy_path(machine["StartAt"], list(states), edges))
        return Graph(
            start=machine["StartAt"],
            comment=machine.get("Comment", ""),
            nodes=tuple(
                Node(
                    name=name,
                    type=state["Type"],
                    comment=state.get("Comment", ""),
                    happy=name in happy,
                    end=not any(edge.source == name for edge in edges),
                )
                for name, state in states.items()
            ),
            edges=edges,
        )
    except (stored.Unreadable, KeyError, TypeError, AttributeError) as error:
        raise DefinitionUnreadable(
            f"The state machine's definition cannot be read ({type(error).__name__}: {error}). "
            "Expected Amazon States Language with StartAt and States."
        ) from error


def _edges(name: str, state: dict[str, Any]) -> Iterator[Edge]:
    for choice in state.get("Choices", []):
        condition = str(choice.get("Condition", ""))
        found = _LITERAL.search(condition)
        label = found[1] if found else ""
        yield Edge(source=name, target=choice["Next"], kind="choice", label=label, condition=condition)
    if "Default" in state:
        yield Edge(source=name, target=state["Default"], kind="choice", label="otherwise", condition="otherwise")
    if "Next" in state:
        yield Edge(source=name, target=state["Next"], kind="next")
    for catcher in state.get("Catch", []):
        errors = ", ".join(catcher["ErrorEquals"])
        yield Edge(source=name, target=catcher["Next"], kind="catch", label=errors, condition=errors)


def _merged(edges: Iterator[Edge]) -> Iterator[Edge]:
    """One edge where several rules or catchers of a state lead to the same state."""
    found: dict[tuple[str, str, Kind], Edge] = {}
    for edge in edges:
        key = (edge.source, edge.target, edge.kind)
        if key in found:
            first = found[key]
            edge = msgspec.structs.replace(  # noqa: PLW2901 - the two edges become one
                first, label=f"{first.label}, {edge.label}", condition=f"{first.condition}\n{edge.condition}"
            )
        found[key] = edge
    yield from found.values()


def _happy_path(start: str, order: list[str], edges: tuple[Edge, ...]) -> Iterator[str]:
    """The main path: from the start, always to the next state further down in the definition. Catches do not count."""
    place = {name: number for number, name in enumerate(order)}
    state: str | None = start
    while state is not None:
        yield state
        here = place[state]
        following = [place[edge.target] for edge in edges if edge.source == state and edge.kind != "catch"]
        further = [number for number in following if number > here]
        state = order[min(further)] if further else None
