"""A day's manifest: the signed list of all files stored on that day, with their hashes. It shows that a record is lost.

S3's own clock (LastModified) decides to which day a file belongs, not the clock of its writer. Manifests form a chain, one a day
without gaps, so that a lost manifest is noticed as well.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from workflows import stored
from workflows.canonical import decoder
from workflows.evidence import jws
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.record import Link
from workflows.moments import Moment

FORMAT = "gatehouse.manifest/1"
COVERED = ("records/", "trail/")
"""The folders whose files a manifest lists."""


class Manifest(Struct, frozen=True, kw_only=True):
    """The files stored from `start` (inclusive) to `end` (exclusive), UTC; `entries` are sorted by key."""

    format: Literal["gatehouse.manifest/1"] = "gatehouse.manifest/1"
    key: str
    day: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}\Z")]
    start: Moment
    end: Moment
    sealed_at: Moment
    code_version: str
    previous: Link | None
    entries: tuple[Link, ...]

    @property
    def of_day(self) -> date:
        return date.fromisoformat(self.day)


def key_of(day: date) -> str:
    return f"manifests/{day.isoformat()}.json"


def last_day(keys: Iterable[str], *, before: date) -> date | None:
    """The last day for which there is a manifest, by its key. Other keys, and days from `before` on, do not count."""
    written = (match[1] for key in keys if (match := _KEY.fullmatch(key)))
    days = (day for text in written if (day := _day(text)) is not None)
    return max((day for day in days if day < before), default=None)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


_KEY = re.compile(r"manifests/([0-9]{4}-[0-9]{2}-[0-9]{2})\.json")


def bounds(day: date) -> tuple[datetime, datetime]:
    """The day's first moment and the next day's, UTC."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + timedelta(days=1)


def manifest(
    day: date, hashes: Mapping[str, str], *, at: datetime, code_version: str, previous: Link | None
) -> Manifest:
    """The manifest of `day`; `hashes` are the SHA-256 of its files by key."""
    start, end = bounds(day)
    return Manifest(
        key=key_of(day),
        day=day.isoformat(),
        start=start,
        end=end,
        sealed_at=at,
        code_version=code_version,
        previous=previous,
        entries=tuple(Link(key=key, sha256=hashes[key]) for key in sorted(hashes)),
    )


def due(last: date | None, first: date | None, today: date) -> list[date]:
    """The days to be sealed now: all past days, from the day after `last`, which is sealed, or else from `first`, which has files."""
    start = last + timedelta(days=1) if last is not None else first
    return [] if start is None else [start + timedelta(days=n) for n in range((today - start).days)]


def parse(payload: bytes) -> Manifest:
    """A manifest from its canonical JSON. Raises `EvidenceInvalid`."""
    try:
        made = stored.decoded(payload, _DECODER, most=jws.MAX_OCTETS, twins=True)
        whole = (made.start, made.end) == bounds(made.of_day)
    except (stored.Unreadable, ValueError, OverflowError) as error:
        raise EvidenceInvalid("schema", f"Not a manifest of format {FORMAT}: {error}.") from error
    if not whole:
        raise EvidenceInvalid("schema", f"Not a manifest of format {FORMAT}: it is not of the whole of {made.day}.")
    return made


_DECODER = decoder(Manifest)
