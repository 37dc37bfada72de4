"""The approvals API from the operator's side: what a person signed in may see and decide. The API decides who that is."""

import json
import random
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Literal, NamedTuple

from gatehouse.errors import AnsweredNo, NotFound, NotPermitted, Unreachable
from workflows import stored
from workflows.errors import BadInput, GatehouseError

Tab = Literal["mine", "waiting", "decided", "not_carried_out"]
Answer = dict[str, Any]

_WITHIN_SECONDS = 30.0
_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 20.0)
"""Seconds at most before each further try of what was throttled, with full jitter; some 25 in all."""
_ERRORS: dict[int, type[GatehouseError]] = {
    400: BadInput,
    401: NotPermitted,
    403: NotPermitted,
    404: NotFound,
    409: AnsweredNo,
    410: AnsweredNo,
}


class Signing(NamedTuple):
    """What somebody signs: the decision, why, what the signature means, and by whose right if it is not their own."""

    decision: Literal["approve", "reject"]
    reason: str
    meaning: str
    delegation: str | None = None

    def body(self) -> Answer:
        said = {"decision": self.decision, "reason": self.reason, "meaning": self.meaning}
        return said | ({"delegation_id": self.delegation} if self.delegation else {})


class Wanted(NamedTuple):
    """What is looked for; all that is given has to fit. Times as a day or as RFC 3339."""

    device: str | None = None
    person: str | None = None
    since: str | None = None
    until: str | None = None
    status: str | None = None

    def query(self) -> dict[str, str]:
        named = {"from" if k == "since" else "to" if k == "until" else k: v for k, v in self._asdict().items()}
        return {name: part for name, part in named.items() if part}


class Approvals:
    """One person's view of the approvals API. Answers are its JSON, as ``GET /api/approvals`` describes them."""

    def __init__(self, url: str, id_token: str) -> None:
        if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise BadInput(
                f"The approvals API is at {url!r}; a token is only ever sent over https, or to this machine."
            )
        self._url = url.rstrip("/")
        self._token = id_token

    def list_tab(self, tab: Tab, limit: int) -> list[Answer]:
        """At most `limit` approvals of a tab: open ones oldest first, others newest first."""
        found: list[Answer] = []
        cursor: str | None = None
        while len(found) < limit:
            query = {"tab": tab, "limit": str(min(100, limit - len(found)))} | ({"cursor": cursor} if cursor else {})
            page = self._call("GET", f"/api/approvals?{urllib.parse.urlencode(query)}")
            found += page["approvals"]
            cursor = page["cursor"]
            if cursor is None:
                break
        return found

    def show(self, approval_id: str) -> Answer:
        """One approval with its evidence, votes and events. Raises `NotFound`."""
        return self._call("GET", f"/api/approvals/{urllib.parse.quote(approval_id, safe='')}")

    def vote(
        self,
        approval_id: str,
        decision: Literal["approve", "reject"],
        *,
        reason: str,
        meaning: str,
        basis_sha256: str,
        delegation: str | None = None,
    ) -> Answer:
        """Sign a decision on exactly the evidence that hashes to `basis_sha256`, for oneself or by a delegation.

        Raises `AnsweredNo`, `NotPermitted`.
        """
        body = Signing(decision, reason, meaning, delegation).body() | {"basis_sha256": basis_sha256}
        return self._call("POST", f"/api/approvals/{urllib.parse.quote(approval_id, safe='')}/vote", body)

    def vote_together(self, bases: dict[str, str], signing: Signing) -> list[Answer]:
        """Sign one decision on each of several requests, by id the hash of the evidence that was shown. One result a request.

        Raises `AnsweredNo` if they are not alike: then none was signed.
        """
        ballots = [{"approval_id": identity, "basis_sha256": basis} for identity, basis in bases.items()]
        answer: list[Answer] = self._call("POST", "/api/votes", signing.body() | {"ballots": ballots})["results"]
        return answer

    def delegate(self, *, group: str, to: str, until: datetime, reason: str) -> Answer:
        """Give one's right to vote for `group` to another person. Raises `BadInput`, `NotPermitted`."""
        body = {"group": group, "to": to, "until": until.isoformat(), "reason": reason}
        return self._call("POST", "/api/delegations", body)

    def delegations(self, *, everything: bool = False) -> list[Answer]:
        """Those that stand, or every one there ever was; latest end first."""
        query = {"state": "all" if everything else "standing", "limit": "200"}
        return list(self._pages("/api/delegations", "delegations", query))

    def end_delegation(self, delegation_id: str, *, reason: str) -> Answer:
        """Raises `NotFound`, `NotPermitted`, `AnsweredNo`."""
        path = f"/api/delegations/{urllib.parse.quote(delegation_id, safe='')}/end"
        return self._call("POST", path, {"reason": reason})

    def search(self, wanted: Wanted, limit: int) -> list[Answer]:
        """The approvals that fit, newest first, at most `limit`."""
        return list(islice(self._pages("/api/search", "approvals", wanted.query() | {"limit": "100"}), limit))

    def export(self, form: Literal["csv", "json"], wanted: Wanted) -> Iterator[str]:
        """The text of a file with all that fits, part by part: CSV (RFC 4180), without a byte order mark, or a JSON array."""
        query = wanted.query() | {"format": form}
        following: str | None = f"/api/export?{urllib.parse.urlencode(query)}"
        separator = "["
        while following is not None:
            content, headers = self._send("GET", following)
            following = _next(headers)
            if form == "csv":
                yield content.decode("utf-8-sig")
                continue
            for one in _decode(content, "GET", "/api/export")["approvals"]:
                if cursor := one.pop("events_cursor", None):
                    one["events"] += self._further_events(one["approval_id"], cursor)
                yield f"{separator}\n{json.dumps(one, ensure_ascii=False)}"
                separator = ","
        if form == "json":
            yield "[]\n" if separator == "[" else "\n]\n"

    def _further_events(self, approval_id: str, cursor: str) -> Iterator[Answer]:
        """What is left of a trail that did not fit into one answer."""
        following: str | None = cursor
        while following is not None:
            query = urllib.parse.urlencode({"cursor": following})
            page = self._call("GET", f"/api/approvals/{urllib.parse.quote(approval_id, safe='')}/events?{query}")
            yield from page["events"]
            following = page["cursor"]

    def _pages(self, path: str, part: str, query: dict[str, str]) -> Iterator[Answer]:
        """The `part` of every page, one after the other."""
        cursor: str | None = ""
        while cursor is not None:
            page = self._call("GET", f"{path}?{urllib.parse.urlencode(query | ({'cursor': cursor} if cursor else {}))}")
            yield from page[part]
            cursor = page["cursor"]

    def _call(self, method: str, path: str, body: Answer | None = None) -> Answer:
        content, _ = self._send(method, path, body)
        return _decode(content, method, path)

    def _send(self, method: str, path: str, body: Answer | None = None) -> tuple[bytes, Mapping[str, str]]:
        """What was answered, and the headers. What was throttled is tried again, as often as `_PAUSES` says."""
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        for longest in (*_PAUSES, None):
            try:
                with urllib.request.urlopen(request, timeout=_WITHIN_SECONDS) as answer:  # noqa: S310
                    return answer.read(), getattr(answer, "headers", {})
            except urllib.error.HTTPError as error:
                if longest is None or not _was_throttled(error.code, method):
                    raise _as_error(error) from error
                time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret
            except OSError as error:
                raise Unreachable(f"The approvals API at {self._url} does not answer: {error}.") from error
        raise AssertionError("the last try answers or raises")


def _was_throttled(status: int, method: str) -> bool:
    """Whether the function was not called, so that the same may be sent again.

    429 says so (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html). 503 may also come of a
    function that took too long: what was written by then is not written twice.
    """
    return status == 429 or (status == 503 and method == "GET")


def _next(headers: Mapping[str, str]) -> str | None:
    """The path of the next part (RFC 8288); only ever one of this API, to which the token goes."""
    found = re.fullmatch(r'<(/api/export\?[^>]*)>; rel="next"', headers.get("Link") or "")
    return found[1] if found else None


def _decode(content: bytes, method: str, path: str) -> Answer:
    try:
        answer = stored.read(content)
    except stored.Unreadable:
        answer = None
    if not isinstance(answer, dict):
        raise Unreachable(f"{method} {path} answered no JSON object but {content[:80]!r}. Is this Gatehouse's API?")
    return answer


def _as_error(error: urllib.error.HTTPError) -> GatehouseError:
    """The API's ``{"code", "message"}`` as the error that its status stands for."""
    try:
        said = stored.read(error.read())
        apart = "".join(f"\n{identity}: {why}" for identity, why in (said.get("apart") or {}).items())
        message = f"{said.get('message') or said.get('Message')} ({error.code}{' ' + said['code'] if 'code' in said else ''}){apart}"
    except (stored.Unreadable, AttributeError):
        message = f"The approvals API answered {error.code} {error.reason}."
    if error.code == 401:
        message += " Sign in again: gatehouse approvals login"
    return _ERRORS.get(error.code, Unreachable)(message)
