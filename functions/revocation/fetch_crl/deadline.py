"""One deadline for all parts of fetching one address: name, connection, TLS, headers, body, redirects.

A socket's time-out applies to each read, so a server that sends one byte each second never reaches it. Therefore the connections
themselves are shut down when the time is over.
"""

import socket
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Self, TypeVar

T = TypeVar("T")


class TooSlowError(Exception):
    """The time is over."""


class Deadline:
    """A context manager; the time starts when it is entered. `seconds` is the whole time. `watch` may be called from any thread."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._over = False

    def __enter__(self) -> Self:
        self._at = time.monotonic() + self.seconds
        self._timer = threading.Timer(self.seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def left(self) -> float:
        """The seconds left, more than 0. Raises `TooSlowError`."""
        left = self._at - time.monotonic()
        if self._over or left <= 0:
            raise TooSlowError(f"not done within {self.seconds:.0f} s")
        return left

    def watch(self, connection: socket.socket) -> None:
        """Shut down the connection when the time is over, through a second handle, since TLS uses the first one."""
        with self._lock:
            if self._over:
                connection.shutdown(socket.SHUT_RDWR)
            else:
                self._connections.append(connection.dup())

    def bound(self, what: Callable[[], T]) -> T:
        """Returns what `what` returns, or raises what it raises. For calls that cannot be interrupted, such as resolving a name: after the
        deadline its thread continues, and nobody waits for it. Raises `TooSlowError`."""
        ends: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

        def run() -> None:
            try:
                ends.put((what(), None))
            except BaseException as error:  # noqa: BLE001 - raised in the thread that waits for it
                ends.put((None, error))

        left = self.left()
        threading.Thread(target=run, daemon=True).start()
        try:
            result, error = ends.get(timeout=left)
        except Empty:
            raise TooSlowError(f"not done within {self.seconds:.0f} s") from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # None only where `what` returned None

    def _cut(self) -> None:
        with self._lock:
            self._over = True
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # closed by the other side
                    continue
