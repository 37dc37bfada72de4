"""The console's HTTP server, on loopback only: it serves files and JSON, and accepts one POST."""

import contextlib
import socket
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from gatehouse.console.api import Api
from gatehouse.console.assets import Asset, assets, tag_of
from gatehouse.console.errors import RedriveNotAllowed
from gatehouse.console.guard import SECURITY_HEADERS, Guard
from gatehouse.errors import AnsweredNo, NotFound, NotPermitted
from gatehouse.local_cloud.settings import LOOPBACK
from gatehouse.loopback import Refusal
from gatehouse.stack.error_messages import NOT_PERMITTED, UNREACHABLE, explain
from gatehouse.stack.target import Target
from workflows.errors import BadInput, GatehouseError

_JSON = "application/json"
_LONGEST_BODY = 8192
_IDLE_SECONDS = 60

_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (NotFound, 404),
    (BadInput, 400),
    (AnsweredNo, 409),
    (RedriveNotAllowed, 403),
    (NotPermitted, 403),
)


class Console:
    """A running console. ``with Console(target) as console: console.link`` — or `close` it."""

    def __init__(self, target: Target, *, port: int = 0, allow_redrive: bool = False) -> None:
        """Port 0 uses a free one. Redrives on a local cloud are always allowed. Raises OSError if the port is in use."""
        self._server = _Server((LOOPBACK, port), _Handler)
        self._server.api = Api(target, redrive_allowed=allow_redrive or target.local is not None)
        self._server.guard = Guard(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="console", daemon=True)
        self._thread.start()

    @property
    def link(self) -> str:
        """The address to open in a browser. It contains the key: anyone who has it can use the console."""
        return self._server.guard.link

    def close(self) -> None:
        """Stop listening, and close all connections."""
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join()

    def __enter__(self) -> "Console":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    api: Api
    guard: Guard

    def __init__(self, *arguments: Any) -> None:
        self._connected: set[Any] = set()
        super().__init__(*arguments)

    def get_request(self) -> Any:
        connection, address = super().get_request()
        self._connected.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connected.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close the connections that browsers keep open. Otherwise their threads would still answer."""
        for connection in self._connected.copy():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A closed connection is not an error. Any other error is a fault of the console, and is printed in its terminal."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def version_string(self) -> str:
        return "gatehouse"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: a request line may contain the key."""

    def _get(self) -> None:
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        guard = self.server.guard
        guard.check_host(self._headers)
        if address.path == "/" and guard.is_key(query.get("key", "")):
            self._send(303, b"", {"Location": "/", "Set-Cookie": guard.cookie})
            return
        guard.check_session(self._headers)
        if address.path.startswith("/api/"):
            name = address.path.removeprefix("/api/")
            found = self.server.api.get(name, query)
            self._send_json(200, {**found, "csrf": guard.csrf} if name == "session" else found)
        elif address.path in assets():
            self._send_asset(assets()[address.path])
        else:
            raise NotFound(f"There is no {address.path[:100]}.")

    def _post(self) -> None:
        guard = self.server.guard
        guard.check_host(self._headers)
        guard.check_session(self._headers)
        guard.check_post(self._headers)
        if urlsplit(self.path).path != "/api/redrive":
            raise NotFound(f"There is no POST {self.path[:100]}.")
        length = self._headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal() and int(length) <= _LONGEST_BODY):
            raise Refusal(413, f"Expected a Content-Length of at most {_LONGEST_BODY}.")
        self._send_json(200, self.server.api.redrive(self.rfile.read(int(length))))

    def _answer(self, respond: Any) -> None:
        try:
            respond()
        except Refusal as refusal:
            self.close_connection = True
            self._send_refusal(refusal)
        except (GatehouseError, ClientError, BotoCoreError) as error:
            self.close_connection = self.command == "POST"  # the body may not have been read
            words, code = explain(error)
            self._send_json(_status_of(error, code), {"error": words})

    @property
    def _headers(self) -> Mapping[str, str]:
        return self.headers  # type: ignore[return-value]

    def _send_json(self, status: int, value: object) -> None:
        content = msgspec.json.encode(value)
        self._send_tagged(status, content, _JSON, tag_of(content))

    def _send_refusal(self, refusal: Refusal) -> None:
        """Send JSON to the page, and plain text to a person who typed the address."""
        if self.path.startswith("/api/"):
            self._send_json(refusal.status, {"error": refusal.message})
        else:
            self._send(refusal.status, refusal.message.encode(), {"Content-Type": "text/plain; charset=utf-8"})

    def _send_asset(self, asset: Asset) -> None:
        self._send_tagged(200, asset.content, asset.type, asset.tag)

    def _send_tagged(self, status: int, content: bytes, kind: str, tag: str) -> None:
        if status == 200 and self.headers.get("If-None-Match") == tag:
            self._send(304, b"", {"ETag": tag})
        else:
            self._send(status, content, {"Content-Type": kind, "ETag": tag})

    def _send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**SECURITY_HEADERS, "Cache-Control": "no-store", **headers}.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)


def _status_of(error: Exception, exit_code: int | None) -> int:
    """The HTTP status of an error: by its class, or by the exit code that a command would have."""
    by_code = {NOT_PERMITTED: 403, UNREACHABLE: 503}
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), by_code.get(exit_code or 0, 502))
