"""Reads input strictly: bodies, ids, and the limit of a page."""

import re
from typing import TypeVar

from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent

from functions.approval.approvals_web.answers import Denied
from workflows import stored

T = TypeVar("T")
_ID = re.compile(r"[0-9a-f]{32}")


def is_id(text: str) -> bool:
    """Whether `text` looks like the id of a request or a delegation."""
    return _ID.fullmatch(text) is not None


def text(event: BaseProxyEvent) -> str:
    """Returns the body as text. Raises `Denied` if its bytes are not text."""
    try:
        return event.decoded_body or ""
    except ValueError as error:  # neither base64 nor UTF-8
        raise Denied("bad_request", "The request body is not valid UTF-8 text.") from error


def body(event: BaseProxyEvent, kind: type[T], expected: str) -> T:
    """Returns the body, read as `kind`. Raises `Denied` with a message that says what is `expected`."""
    try:
        return stored.read(text(event), kind)
    except stored.Unreadable as error:
        raise Denied("bad_request", f"The request body cannot be read: {error}. {expected}") from error


def limit(query: dict[str, str], usual: int, most: int) -> int:
    """Returns how many entries a page may have: from 1 to `most`, `usual` if the query does not say. Raises `Denied`."""
    written = query.get("limit", str(usual))
    if not re.fullmatch(r"[0-9]{1,4}", written) or not 1 <= int(written) <= most:
        raise Denied("bad_request", f"limit is {written[:40]!r}. Expected a number from 1 to {most}.")
    return int(written)
