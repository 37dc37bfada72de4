"""Making a list current: everything it needs is written first, then the file of current lists that names it, in one conditional write."""

from datetime import datetime

import msgspec

from functions.revocation.publish_crl.handed_in import HandedIn
from functions.shared import current_lists, objects
from functions.shared.observability import logger
from workflows.revocation import VerifiedList
from workflows.revocation.current_lists import Current, CurrentLists, index_key, is_large, list_key
from workflows.revocation.index import NotIndexable, build_index, head_sha256
from workflows.revocation.publication import Acceptance, Accepted, Limits, Rejected, accept, slot

CRL = "application/pkix-crl"


class _StepsBackError(Exception):
    def __init__(self, rejected: Rejected) -> None:
        self.rejected = rejected
        super().__init__(rejected.reason)


def publish(bucket: str, given: HandedIn, at: datetime, limits: Limits) -> Current | Rejected:
    """Check a list and make it current, unless it breaks a rule. Safe to repeat, and to run while others publish for the same key.

    Raises `CurrentListsInvalid`, `AwsUnavailable`, `AccessRefused`; then the last good list stays the current one.
    """
    judged = accept(given.data, given.issuer, at, None, limits)
    if isinstance(judged, Rejected):
        return judged
    place, stored = slot(judged.verified.meta), _Stored(bucket, given, judged)

    def with_it(before: CurrentLists) -> CurrentLists:
        previous = before.slots.get(place)
        if previous is not None and previous.record.sha256 == judged.record.sha256:
            return before
        if previous is not None:
            again = accept(given.data, given.issuer, at, previous.record, limits)
            if isinstance(again, Rejected):
                raise _StepsBackError(again)
        current = stored.current()
        return before.having(
            place, msgspec.structs.replace(current, swept=previous.swept if previous is not None else None)
        )

    try:
        after = current_lists.change(bucket, judged.record.issuer_key_sha256, with_it)
    except _StepsBackError as error:
        return error.rejected
    return after.slots[place]


class _Stored:
    """The list and its index. They are written just before the file of current lists names them, so a rejected list writes nothing."""

    def __init__(self, bucket: str, given: HandedIn, judged: Acceptance) -> None:
        self._bucket = bucket
        self._given = given
        self._judged = judged
        self._current: Current | None = None

    def current(self) -> Current:
        if self._current is None:
            self._current = self._store(self._judged.record)
        return self._current

    def _store(self, record: Accepted) -> Current:
        verified, head = self._judged.verified, None
        entries = sum(1 for _ in verified.serials())
        objects.write_once(self._bucket, list_key(record), self._given.data, CRL)
        if is_large(entries):
            head = self._index(record, verified)
        return Current(record=record, entries=entries, ca_certificate_id=self._given.ca_certificate_id, index_head=head)

    def _index(self, record: Accepted, verified: VerifiedList) -> str | None:
        """Store the index. Returns the SHA-256 of its head; None if the list can have no index, and is searched itself."""
        try:
            index = build_index(verified)
        except NotIndexable as error:
            logger.warning("%s has no index: %s", list_key(record), error)
            return None
        objects.write_once(self._bucket, index_key(record), index, "application/octet-stream")
        return head_sha256(index)
