"""Input and output of states for display: parsed, and without task tokens.

With a task token one could answer the callback instead of the approvers, so the console never sends one to a browser.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from gatehouse.console.history import Event, Visit, details
from workflows import stored

WITHHELD = "(task token withheld)"

_TOKEN_NAMES = {"tasktoken", "token"}
_SHORTEST_TOKEN = 16  # characters; a shorter text is not a task token, and removing it would damage other texts


class Payload(Struct, frozen=True, kw_only=True):
    """The data of a visit: plain JSON values, or None. `cut`: AWS has shortened a part."""

    state: str
    input: Any = None
    arguments: Any = None
    result: Any = None
    output: Any = None
    variables: Any = None
    error: str | None = None
    cause: Any = None
    cut: bool = False


def of_visit(events: Sequence[Event], visit: Visit) -> Payload:
    """The data of a visit: input and output of the state, arguments and result of the last attempt."""
    found: dict[str, Any] = {}
    cut = False
    own = [event for event in events if visit.first_event <= event["id"] <= visit.last_event]
    for event in own:
        data, kind = details(event), str(event["type"])
        cut = cut or any(part.get("truncated") for part in data.values() if isinstance(part, dict))
        if kind.endswith("StateEntered"):
            found["input"] = _parsed(data.get("input"))
        elif kind.endswith("Scheduled"):
            found["arguments"] = _parsed(data.get("parameters") or data.get("input"))
        elif kind.endswith("StateExited"):
            found["output"] = _parsed(data.get("output"))
            found["variables"] = {k: _parsed(v) for k, v in (data.get("assignedVariables") or {}).items()} or None
        elif kind.endswith("Succeeded") and not kind.startswith("Execution"):
            found["result"] = _parsed(data.get("output"))
    payload = Payload(state=visit.state, error=visit.error, cause=_parsed(visit.cause), cut=cut, **found)
    cleaned: Payload = msgspec.convert(without_tokens(msgspec.to_builtins(payload), _tokens(events)), Payload)
    return cleaned


def of_event(events: Sequence[Event], number: int) -> Any:
    """The details of one event; None if there is no such event."""
    event = next((event for event in events if event["id"] == number), None)
    if event is None:
        return None
    data = {name: _parsed(value) if isinstance(value, str) else value for name, value in details(event).items()}
    return without_tokens(msgspec.to_builtins(data), _tokens(events))


def without_tokens(value: Any, tokens: frozenset[str] = frozenset()) -> Any:
    """`value` without members that are named like a task token, and without each of `tokens` in any text."""
    match value:
        case dict():
            return {
                name: WITHHELD if isinstance(part, str) and _names_a_token(name) else without_tokens(part, tokens)
                for name, part in value.items()
            }
        case list():
            return [without_tokens(part, tokens) for part in value]
        case str():
            for token in tokens:
                value = value.replace(token, WITHHELD)
    return value


def _tokens(events: Sequence[Event]) -> frozenset[str]:
    texts = (text for event in events for text in details(event).values() if isinstance(text, str))
    return frozenset(token for text in texts if "oken" in text for token in _tokens_in(_parsed(text)))


def _tokens_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, str) and _names_a_token(name) and len(part) >= _SHORTEST_TOKEN:
                yield part
            yield from _tokens_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from _tokens_in(part)


def _names_a_token(name: str) -> bool:
    return name.replace("_", "").replace("-", "").lower() in _TOKEN_NAMES


def _parsed(text: Any) -> Any:
    """The value of a JSON text. A text that is not JSON is returned unchanged."""
    if not isinstance(text, str):
        return text
    try:
        return stored.read(text, twins=True)
    except stored.Unreadable:
        return text
