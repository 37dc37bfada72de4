"""Which lists of an issuer's key are current: one small file a key, replaced as a whole, so that nobody ever reads half a change.

Format ``gatehouse.crl-manifest/1``, kept in S3 as ``current/<issuer key>.json``. What it names (``lists/<issuer key>/<sha256>.crl`` and,
for a large list, ``….index``) is written before it and never written over.
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
"""Entries from which a list is given an index. Below it the list is read whole as quickly, and kept verified while a Lambda is warm."""


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
    """SHA-256 of the list up to which revoked certificates have been dealt with; a sweep is owed while it is not this one's."""

    @property
    def slot(self) -> str:
        """As `workflows.revocation.publication.slot` names it."""
        record = self.record
        return f"{record.issuer_key_sha256}/{record.scope}" + ("/delta" if record.delta else "")

    @property
    def sweep_is_owed(self) -> bool:
        return self.swept != self.record.sha256


class CurrentLists(Struct, frozen=True, kw_only=True):
    """Everything that counts under one issuer key (SHA-256 of its SubjectPublicKeyInfo, lower-case hex)."""

    issuer_key: str
    slots: dict[str, Current] = {}
    format: Literal["gatehouse.crl-manifest/1"] = "gatehouse.crl-manifest/1"

    def last_numbers(self) -> dict[str, int]:
        """The last cRLNumber accepted of each scope: what `workflows.revocation.check` holds lists to."""
        complete = (one.record for one in self.slots.values() if not one.record.delta)
        return {record.scope: int(record.number) for record in complete}

    def hours_left(self, at: datetime, limits: Limits) -> float | None:
        """Until the first complete list goes stale, negative since then; None if there is none."""
        stale_at = [one.record.goes_stale_at(limits) for one in self.slots.values() if not one.record.delta]
        return (min(stale_at) - at) / timedelta(hours=1) if stale_at else None

    def having(self, slot: str, current: Current) -> "CurrentLists":
        """The same with another list in that slot."""
        return msgspec.structs.replace(self, slots=self.slots | {slot: current})


class Published(Struct, frozen=True, kw_only=True, tag_field="status", tag="accepted"):
    """What became of a list that was handed in, if it is current now. `sweep` is the execution that looks for whom it revokes."""

    incoming: str
    list_key: str
    record: Accepted
    entries: int
    at: Moment
    sweep: str | None = None


class KeptAside(Struct, frozen=True, kw_only=True, tag_field="status", tag="rejected"):
    """What became of a list that was handed in, if it does not count: the rule it broke. The last good one stays."""

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
    """Where the result lies for ``incoming/<CA certificate id>/<name>``."""
    return f"{status}/{incoming.removeprefix('incoming/')}.json"


def read(data: bytes, issuer_key: str) -> CurrentLists:
    """Raises `CurrentListsInvalid`."""
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
    """What `publish_crl` wrote beside a list. Raises `stored.Unreadable`."""
    found: Result = stored.read(data, Result)
    return found
