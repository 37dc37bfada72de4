"""Caches answers for a short time, so that many open pages cause no more calls than one."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from msgspec import Struct

T = TypeVar("T")

_MOST_ANSWERS = 512


class Pace(Struct, frozen=True, kw_only=True):
    """How many seconds an answer is cached. The page asks every second; AWS is called no more often than this."""

    execution: float
    admissions: float
    search: float
    fleet: float
    approvals: float
    lists: float
    definition: float = 3600.0


LOCAL = Pace(execution=0.5, admissions=0.8, search=2.0, fleet=1.0, approvals=1.0, lists=10.0)
AWS = Pace(execution=2.0, admissions=5.0, search=30.0, fleet=60.0, approvals=10.0, lists=60.0)


class Answers:
    """Cached answers with the time when each expires. A request for an answer that is being fetched waits for it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cached: dict[Hashable, tuple[float, Any]] = {}
        self._fetching: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, seconds: float, fetch: Callable[[], T]) -> T:
        """The cached answer if it is no older than `seconds`, or else a new one. Errors are not cached."""
        with self._lock:
            one_at_a_time = self._fetching.setdefault(key, threading.Lock())
        with one_at_a_time:
            cached = self._cached.get(key)
            if cached is not None and self._clock() < cached[0]:
                answer: T = cached[1]
                return answer
            answer = fetch()
            with self._lock:
                self._make_room()
                self._cached[key] = (self._clock() + seconds, answer)
            return answer

    def forget(self) -> None:
        """Delete all answers, because something was changed."""
        with self._lock:
            self._cached.clear()

    def _make_room(self) -> None:
        if len(self._cached) < _MOST_ANSWERS:
            return
        now = self._clock()
        self._cached = {key: cached for key, cached in self._cached.items() if now < cached[0]}
        while len(self._cached) >= _MOST_ANSWERS:
            del self._cached[next(iter(self._cached))]
        self._fetching = {key: lock for key, lock in self._fetching.items() if key in self._cached or lock.locked()}
