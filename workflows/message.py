"""A message as people get it, on the topic or by mail."""

from datetime import datetime

from msgspec import Struct

from workflows.text import visible

_SUBJECT_LENGTH = 99
"""SNS accepts a subject of less than 100 ASCII characters (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)."""


class Message(Struct, frozen=True, kw_only=True):
    """`subject` is ASCII, one line, at most 99 characters. `kind` is an attribute that subscriptions to the topic can filter on."""

    subject: str
    text: str
    kind: str


def subject_line(text: str) -> str:
    """Returns `text`, which is one line, as the subject of a message: cut, and with a question mark for each non-ASCII character."""
    return text.encode("ascii", "replace").decode()[:_SUBJECT_LENGTH]


def line(text: str, limit: int = 2000) -> str:
    """A value in the body of a message: on one line, at most `limit` characters of it."""
    return visible(text, limit)


def as_of(at: datetime) -> str:
    """Returns the beginning of a message. Messages arrive in any order, so each says its time."""
    return f"As of {at:%Y-%m-%d %H:%M} UTC: "
