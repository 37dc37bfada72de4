"""Changes the engine: edits the text of a function, as in a diff for upstream, or wraps a whole function.

The engine is pinned exactly. If a line to edit is missing, the pin was changed without this folder: then the engine does not start.
"""

import inspect
import textwrap
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from gatehouse.local_cloud.errors import EngineFailed

_edited: dict[str, str] = {}  # the text of functions already edited: several additions may touch one


def edit(owner: ModuleType | type, function_name: str, *changes: tuple[str, str]) -> None:
    """Replace text inside a function of a module, or a method of a class.

    Each change is (old text, new text). The old text must occur exactly once. Raises EngineFailed.
    """
    function = getattr(owner, function_name)
    name = f"{owner.__name__}.{function_name}"
    if isinstance(function, partial):
        raise EngineFailed(f"{name} is wrapped before it is edited, which would undo the wrapping. Edit it first.")
    source = _edited.get(name) or textwrap.dedent(inspect.getsource(function))
    for now, then in changes:
        source = _replaced(source, now, then, name)
    _edited[name] = source
    defined: dict[str, object] = {}
    exec(compile(source, inspect.getfile(function), "exec"), function.__globals__, defined)  # noqa: S102 - the engine's own text
    setattr(owner, function_name, defined[function_name])


def wrap(module: ModuleType, function_name: str, around: Callable[..., Any]) -> None:
    """Put a function of our own in a function's place. Its first argument is the old function. Raises EngineFailed."""
    original = getattr(module, function_name, None)
    if not callable(original):
        raise EngineFailed(
            f"An addition to the local cloud does not fit this ministack: {module.__name__} has no function {function_name}. "
            "Install the version that pyproject.toml pins."
        )
    setattr(module, function_name, partial(around, original))


def edit_text(module: ModuleType, name: str, *changes: tuple[str, str]) -> None:
    """The same for a module's string constant, such as the script that a Lambda worker runs."""
    text = getattr(module, name)
    for now, then in changes:
        text = _replaced(text, now, then, f"{module.__name__}.{name}")
    setattr(module, name, text)


def _replaced(source: str, now: str, then: str, owner: str) -> str:
    found = source.count(now)
    if found != 1:
        raise EngineFailed(
            f"An addition to the local cloud does not fit this ministack: {owner} holds {now!r} {found} times, expected once. "
            "Install the version that pyproject.toml pins."
        )
    return source.replace(now, then)
