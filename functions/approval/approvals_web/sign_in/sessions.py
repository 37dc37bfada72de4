"""The sessions of the people who are signed in to the pages. The browser has only a random number (OWASP ASVS 7).

A session ends when its ID token expires, because the groups come from that token. It also ends after 15 minutes without activity. The
table holds only the hash of the random number, so a person who reads the table cannot act as somebody else.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from functions.shared import conditional
from functions.shared.aws import client, translated
from functions.shared.conditional import ConditionFailed
from workflows import stored
from workflows.approval.votes import Voter
from workflows.dynamodb_items import to_item, to_plain

COOKIE = "__Host-session"
IDLE = timedelta(minutes=15)
"""How long a session continues without activity. 21 CFR 11.200(a)(1)(i) requires one continuous period of controlled access."""
LONGEST = timedelta(hours=8)
_NOTED_EVERY = timedelta(minutes=1)


class Session(Struct, frozen=True, kw_only=True):
    """`csrf` is in every form of this session and nowhere else. Times are in seconds since the epoch."""

    key: str
    voter: Voter
    csrf: str
    seen_at: int
    ends_at: int


class Sessions:
    def __init__(self, table: str) -> None:
        self._table = table

    def start(self, voter: Voter, token_ends: datetime, at: datetime) -> str:
        """Starts a session. Returns the random number for the browser."""
        secret = secrets.token_urlsafe(32)
        item = {
            "session": _key(secret),
            "voter": msgspec.json.encode(voter).decode(),
            "csrf": secrets.token_urlsafe(32),
            "seen_at": _seconds(at),
            "ends_at": _seconds(min(token_ends, at + LONGEST)),
        }
        with translated():
            client("dynamodb").put_item(
                TableName=self._table, Item=to_item(item), ConditionExpression="attribute_not_exists(#session)",
                ExpressionAttributeNames={"#session": "session"},
            )  # fmt: skip
        return secret

    def find(self, secret: str, at: datetime, *, attended: bool = True) -> Session | None:
        """Returns the session if it is valid at `at`, else None. `attended` is False for calls that a page makes by itself."""
        with translated():
            answer = client("dynamodb").get_item(
                TableName=self._table, Key={"session": {"S": _key(secret)}}, ConsistentRead=True
            )
        if "Item" not in answer:
            return None
        plain = to_plain(answer["Item"])
        voter = stored.read(plain.pop("voter"), Voter)
        session = Session(key=plain.pop("session"), voter=voter, **plain)
        if not session.seen_at - 60 <= _seconds(at) < min(session.ends_at, session.seen_at + int(IDLE.total_seconds())):
            self.end(session.key)
            return None
        if attended and _seconds(at) - session.seen_at >= _NOTED_EVERY.total_seconds():
            self._note(session.key, at)
        return session

    def end(self, key: str) -> None:
        """Deletes the session. It is no error if there is none."""
        with translated():
            client("dynamodb").delete_item(TableName=self._table, Key={"session": {"S": key}})

    def _note(self, key: str, at: datetime) -> None:
        """Records activity. A session that ended in the meantime stays ended."""
        try:
            conditional.update(
                self._table,
                {"session": key},
                "SET seen_at = :at",
                condition="attribute_exists(csrf)",
                given={"at": _seconds(at)},
            )
        except ConditionFailed:
            return


def _key(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
