"""An HTTP client of the console."""

import json
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from typing import Any

from gatehouse.console.server import Console


class Visitor:
    """An HTTP client that keeps cookies, as a browser does."""

    def __init__(self, console: Console, *, enter: bool = True) -> None:
        self.origin = console.link.split("/?")[0]
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar())).open
        if enter:
            self.get(console.link.removeprefix(self.origin))

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        return self._ask(urllib.request.Request(self.origin + path, headers=_dashed(headers)))  # noqa: S310 - see `origin`

    def json(self, path: str) -> Any:
        status, _, content = self.get(path)
        assert status == 200, content
        return json.loads(content)

    def post(self, path: str, body: object, **headers: str) -> tuple[int, Any]:
        """As the page does it, unless `headers` say otherwise; an empty one is left out."""
        usual = {"Content_Type": "application/json", "Origin": self.origin}
        if "X_Gatehouse_Csrf" not in headers:
            usual["X_Gatehouse_Csrf"] = self.json("/api/session")["csrf"]
        request = urllib.request.Request(  # noqa: S310 - the console's own address
            self.origin + path, data=json.dumps(body).encode(), headers=_dashed(usual | headers), method="POST"
        )
        status, _, content = self._ask(request)
        return status, json.loads(content)

    def _ask(self, request: urllib.request.Request) -> tuple[int, dict[str, str], bytes]:
        try:
            with self._open(request, timeout=20) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items() if value}
