"""How an addition changes the engine: by the very diff that could be offered upstream.

The engine is pinned exactly, so a line that is no longer there means the pin moved without this folder: that is said at
start, and nothing runs half patched.
"""

import inspect
import textwrap
from types import ModuleType

from gatehouse.local_cloud.errors import EngineFailed

_edited: dict[str, str] = {}  # the text of functions already edited: several additions may touch one


def edit(owner: ModuleType | type, function_name: str, *changes: tuple[str, str]) -> None:
    """Replace text inside a function of a module, or a method of a class.

    Each change is (what stands there now, what shall stand there); the first must occur exactly once. Raises EngineFailed.
    """
    function = getattr(owner, function_name)
    name = f"{owner.__name__}.{function_name}"
    source = _edited.get(name) or textwrap.dedent(inspect.getsource(function))
    for now, then in changes:
        source = _replaced(source, now, then, name)
    _edited[name] = source
    defined: dict[str, object] = {}
    exec(compile(source, inspect.getfile(function), "exec"), function.__globals__, defined)  # noqa: S102 - the engine's own text
    setattr(owner, function_name, defined[function_name])


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
