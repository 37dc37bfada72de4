"""Lambda's environments within the memory of one machine, and a message when they are all busy.

The engine starts a process for each call that finds none idle, and keeps it for five minutes, one of each function for ever. AWS keeps
idle environments as it likes (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html), so an idle process may go:
here, the one that was idle longest makes room for the next. As many calls are in flight as `LIMIT_VARIABLE` says
(``lambda_concurrency``), and as many processes live, and `IDLE_VARIABLE` more.
"""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ministack.core import concurrency, lambda_runtime
from ministack.services import lambda_svc

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json
from gatehouse.local_cloud.settings import IDLE_VARIABLE, LIMIT_VARIABLE, USE_VARIABLE

Slot = tuple[str | None, str | None]
"""A call's place among those in flight, and which limit refused it one."""

_QUIET_SECONDS = 10.0

_SPAWN_NOW = """        worker = _worker_class_for(config)(func_name, config, code_zip)
"""
_SPAWN_THEN = "        _make_room()\n" + _SPAWN_NOW


def apply() -> None:
    limit, idle = int(os.environ[LIMIT_VARIABLE]), int(os.environ[IDLE_VARIABLE])
    lambda_runtime._make_room = lambda: _make_room(limit + idle)
    patch.edit(lambda_runtime, "acquire_worker", (_SPAWN_NOW, _SPAWN_THEN))
    lambda_svc.acquire_worker = lambda_runtime.acquire_worker  # which it has imported by name
    use = _Use(limit, Path(os.environ[USE_VARIABLE]))

    def acquire_execution_slot(acquire: Callable[..., Slot], function: Json, config: Json) -> Slot:
        slot, limited = acquire(function, config)
        if limited == "account":
            use.refused()
        return slot, limited

    patch.wrap(lambda_svc, "_acquire_execution_slot", acquire_execution_slot)


def _make_room(most: int) -> None:
    """End the worker that was idle longest if there are as many as there may be. The caller holds the workers' lock."""
    entries = [(worker, key) for key, workers in lambda_runtime._workers.items() for worker in workers]
    idle = [(worker.last_used, id(worker), worker, key) for worker, key in entries if not worker.in_use]
    if len(entries) < most or not idle:
        return
    *_, worker, key = min(idle)
    lambda_runtime._workers[key].remove(worker)
    concurrency.spawn_background(lambda_runtime.kill_workers, [worker], thread_name="gatehouse-make-room")


class _Use:
    """Counts what was refused at the limit; the engine's log says so every `_QUIET_SECONDS`, a file for `status` each second."""

    def __init__(self, limit: int, file: Path) -> None:
        self._limit, self._file = limit, file
        self._lock = threading.Lock()
        self._calls, self._last_at, self._said = 0, 0.0, 0.0
        self._timer: threading.Timer | None = None

    def refused(self) -> None:
        with self._lock:
            self._calls += 1
            self._last_at = now = time.time()
            if now - self._said >= _QUIET_SECONDS:
                self._said = now
                lambda_svc.logger.warning(
                    "Lambda is at its limit of %d calls in flight (GATEHOUSE_LAMBDA_CONCURRENCY): %d calls throttled so far",
                    self._limit,
                    self._calls,
                )
            if self._timer is None:
                self._timer = threading.Timer(1.0, self._write)  # what is refused until then is written in one
                self._timer.daemon = True
                self._timer.start()

    def _write(self) -> None:
        with self._lock:
            self._timer = None
            new = self._file.with_suffix(".new")
            new.write_text(json.dumps({"calls": self._calls, "last_at": self._last_at}), encoding="ascii")
            new.replace(self._file)
