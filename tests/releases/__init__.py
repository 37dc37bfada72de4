"""The last release, as a fixture: what an upgrade starts from. ``python -m tests.releases`` records it.

``last.zip`` holds the release as a checkout of its own (code, configuration, template, state machines), and ``inputs.json``: an example
of every contract that its functions read, and of every kind of row and file that they left behind.

Until 0.2.0 is released, a format may still change, and the fixture is recorded anew with it. From then on a change that fails here
is a change that breaks executions which wait while somebody deploys: make it readable instead.
"""

import io
import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

LAST = Path(__file__).parent / "last.zip"
INPUTS = "inputs.json"


@cache
def _content() -> bytes:
    return LAST.read_bytes()


def read(name: str) -> bytes:
    """One file of the release. Raises KeyError if it has none of that name."""
    with zipfile.ZipFile(io.BytesIO(_content())) as archive:
        return archive.read(name)


def definition(name: str) -> dict[str, Any]:
    """A state machine's text."""
    found: dict[str, Any] = json.loads(read(name))
    return found


def recorded() -> dict[str, list[Any]]:
    """Examples by what they are: the full name of a contract, or ``row TABLE``, or ``file FOLDER``."""
    found: dict[str, list[Any]] = json.loads(read(INPUTS))
    return found


def unpack(folder: Path) -> Path:
    """Write the release's checkout into `folder`; returns its template."""
    with zipfile.ZipFile(io.BytesIO(_content())) as archive:
        archive.extractall(folder)
    return folder / "template.yaml"
