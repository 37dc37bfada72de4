"""Waiting with an end, instead of sleeping."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(probe: Callable[[], T | None], *, within: float = 15.0, what: str = "") -> T:
    """The first answer that is true, or an AssertionError that says what the last one was."""
    deadline = time.monotonic() + within
    pause = threading.Event()
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what or probe}; the last answer was {found!r}")
        pause.wait(0.03)
