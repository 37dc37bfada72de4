"""The current lists of an issuer's key: one small file for each key, replaced as a whole, so that no reader sees half a change.

Format ``gatehouse.crl-manifest/1``, kept in S3 as ``current/<issuer key>.json``. The files that it names
(``lists/<issuer key>/<sha256>.crl`` and, for a large list, ``….index``) are written before it and never overwritten.
"""

from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec import Struct

from workflows import stored
from workflows.errors import BadInput
from workflows.moments import Moment
from workflows.revocation.publication import Accepted, Limits

LARGE = 10_000
"""A list with at least this many entries gets an index. A smaller list is read whole as quickly, and a warm Lambda keeps it verified."""


class CurrentListsInvalid(BadInput):
    """The file of current lists cannot be read. No list counts until somebody has looked: devices are held."""


class Current(Struct, frozen=True, kw_only=True):
    """The list that is current in one slot (`workflows.revocation.publication.slot`)."""

    record: Accepted
    entries: int
    ca_certificate_id: str
    """The CA in AWS IoT that it was published for."""
    index_head: str | None = None
    """`workflows.revocation.index.head_sha256` of its index; None: it has none."""
    swept: str | None = None
    """SHA-256 of the last list that was swept. A sweep is owed while it is not this list's."""

    @property
    def slot(self) -> str:
        """As `workflows.revocation.publication.slot` names it."""
        record = self.record
        return f"{record.issuer_key_sha256}/{record.scope}" + ("/delta" if record.delta else "")

    @property
    def sweep_is_owed(self) -> bool:
        return self.swept != self.record.sha256


class CurrentLists(Struct, frozen=True, kw_only=True):
    """The lists that count for one issuer key (SHA-256 of its SubjectPublicKeyInfo, lower-case hex)."""

    issuer_key: str
    slots: dict[str, Current] = {}
    format: Literal["gatehouse.crl-manifest/1"] = "gatehouse.crl-manifest/1"

    def last_numbers(self) -> dict[str, int]:
        """The last cRLNumber accepted of each scope: `workflows.revocation.check` refuses lower ones."""
        complete = (one.record for one in self.slots.values() if not one.record.delta)
        return {record.scope: int(record.number) for record in complete}

    def hours_left(self, at: datetime, limits: Limits) -> float | None:
        """Hours until the first complete list goes stale, negative after that; None if there is no list."""
        stale_at = [one.record.goes_stale_at(limits) for one in self.slots.values() if not one.record.delta]
        return (min(stale_at) - at) / timedelta(hours=1) if stale_at else None

    def having(self, slot: str, current: Current) -> "CurrentLists":
        """Returns a copy with `current` in that slot."""
        return msgspec.structs.replace(self, slots=self.slots | {slot: current})


class Published(Struct, frozen=True, kw_only=True, tag_field="status", tag="accepted"):
    """The result for a list that was published and is current now. `sweep` is the execution that revokes the certificates on it."""

    incoming: str
    list_key: str
    record: Accepted
    entries: int
    at: Moment
    sweep: str | None = None


class KeptAside(Struct, frozen=True, kw_only=True, tag_field="status", tag="rejected"):
    """The result for a list that was published and does not count: the rule that it broke. The last good one stays current."""

    incoming: str
    clause: str
    reason: str
    sha256: str | None
    at: Moment


Result = Published | KeptAside


def key_of(issuer_key: str) -> str:
    return f"current/{issuer_key}.json"


def is_large(entries: int) -> bool:
    """Whether a list with this many entries gets an index."""
    return entries >= LARGE


def list_key(record: Accepted) -> str:
    return f"lists/{record.issuer_key_sha256}/{record.sha256}.crl"


def index_key(record: Accepted) -> str:
    return f"lists/{record.issuer_key_sha256}/{record.sha256}.index"


def result_key(incoming: str, status: Literal["accepted", "rejected"]) -> str:
    """The key of the result for ``incoming/<CA certificate id>/<name>``."""
    return f"{status}/{incoming.removeprefix('incoming/')}.json"


def read(data: bytes, issuer_key: str) -> CurrentLists:
    """Read the file of `issuer_key`. Raises `CurrentListsInvalid`."""
    try:
        found = stored.read(data, CurrentLists)
    except stored.Unreadable as error:
        raise CurrentListsInvalid(
            f"{key_of(issuer_key)} is not a valid file of current lists: {error}. Publish the CA's list again."
        ) from error
    if found.issuer_key != issuer_key:
        raise CurrentListsInvalid(f"{key_of(issuer_key)} belongs to another issuer key, {found.issuer_key}.")
    return found


def write(lists: CurrentLists) -> bytes:
    return msgspec.json.encode(lists, order="deterministic")


def read_result(data: bytes) -> Result:
    """Read what `publish_crl` wrote beside a list. Raises `stored.Unreadable`."""
    found: Result = stored.read(data, Result)
    return found
