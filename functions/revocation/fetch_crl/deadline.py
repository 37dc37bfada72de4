"""One deadline for everything that fetching one address takes: name, connection, TLS, headers, body, redirects.

A socket's time-out is for each read, so a server that sends one byte a second never reaches it. Therefore the connections themselves are
shut down when the time is over.
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
        """Shut the connection down when the time is over, by a second handle, since TLS takes over the first."""
        with self._lock:
            if self._over:
                connection.shutdown(socket.SHUT_RDWR)
            else:
                self._connections.append(connection.dup())

    def bound(self, what: Callable[[], T]) -> T:
        """Returns or raises what `what` does. When the time is over, its thread goes on unattended: for what cannot be interrupted, such as
        resolving a name. Raises `TooSlowError`."""
        ends: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

        def run() -> None:
            try:
                ends.put((what(), None))
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
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
