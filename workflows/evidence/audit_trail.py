"""The audit trail of everything except admissions: who changed what, when, and what was refused (IEC 62443-4-2 CR 2.8).

Each entry is one file, written once. An act has two entries with one `id`: ``begun`` before it happens, since an act that cannot be
recorded must not happen (CR 2.10), and its result after. An entry is not signed by itself; the day's manifest signs its hash.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from workflows import stored
from workflows.canonical import canonical, decoder
from workflows.evidence.errors import EvidenceInvalid
from workflows.moments import Moment

FORMAT = "gatehouse.trail/1"
Category = Literal["configuration", "authority", "inventory", "revocation", "admission", "approval", "sign_in"]
Result = Literal["begun", "succeeded", "failed", "refused"]
Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]


class Entry(Struct, frozen=True, kw_only=True):
    """`source` wrote the entry (a function or ``gatehouse``); `actor` is who acted, as AWS or the identity provider names them.

    `type` is the act, `subject` what it was done to; `old` and `new` are the values before and after, without secrets.
    """

    format: Literal["gatehouse.trail/1"] = "gatehouse.trail/1"
    key: str
    at: Moment
    source: str
    actor: str
    category: Category
    type: Annotated[str, Meta(pattern=r"^[a-z][a-z_]{0,39}\Z")]
    id: Id
    subject: str
    result: Result
    reason: str = ""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}


def key_of(at: datetime, identity: str, result: Result) -> str:
    """The entry's key in the bucket: one folder a day, in order of time."""
    utc = at.astimezone(UTC)
    return f"trail/{utc:%Y-%m-%d}/{utc:%H%M%S%f}-{identity}-{result}.json"


def entry(
    *,
    at: datetime,
    source: str,
    actor: str,
    category: Category,
    type: str,  # noqa: A002 - CR 2.8 calls it so
    id: str,  # noqa: A002
    subject: str,
    result: Result,
    reason: str = "",
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
) -> Entry:
    """An entry with its key."""
    return Entry(
        key=key_of(at, id, result),
        at=at,
        source=source,
        actor=actor,
        category=category,
        type=type,
        id=id,
        subject=subject,
        result=result,
        reason=reason,
        old=old or {},
        new=new or {},
    )


def parse(data: bytes) -> Entry:
    """Read an entry from its file. Raises `EvidenceInvalid`, also for an entry that is not in canonical form."""
    try:
        made, plain = stored.decoded(data, _DECODER, twins=True), stored.read(data, twins=True)
    except stored.Unreadable as error:
        raise EvidenceInvalid("schema", f"Not a trail entry of format {FORMAT}: {error}.") from error
    if canonical(plain) != data:
        raise EvidenceInvalid(
            "canonical", "The entry is not in the canonical form of RFC 8785: readers may understand it differently."
        )
    try:
        place = key_of(made.at, made.id, made.result)
    except OverflowError as error:
        raise EvidenceInvalid("clock", f"It says {made.at.isoformat()}, which is not a valid time in UTC.") from error
    if made.key != place:
        raise EvidenceInvalid(
            "place", f"It says that it belongs at {made.key}; by its time, id and result it is {place}."
        )
    return made


_DECODER = decoder(Entry)
