"""Which of several lists governs, and how deltas update a complete list (RFC 5280 §5.2.4, §6.3.3 (c), (i) to (l))."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from workflows.revocation.entries import HOLD, REMOVE, Entry
from workflows.revocation.verified import CheckedList


class Finding(NamedTuple):
    """What a complete list and the deltas that fit it say about one serial number."""

    base: CheckedList
    used: tuple[CheckedList, ...]
    """The deltas that fit, in the order of their numbers."""
    entry: Entry | None
    """Why the certificate is revoked; None if it is not."""
    decided_by: CheckedList
    """The list with the entry, or without an entry the newest list."""

    @property
    def as_of(self) -> datetime:
        """thisUpdate of the newest list used."""
        return max(one.meta.this_update for one in (self.base, *self.used))


def current(lists: Iterable[CheckedList]) -> tuple[list[CheckedList], list[CheckedList]]:
    """Returns the complete lists that govern, and those replaced by a newer list of the same scope.

    A list is replaced by one with a higher number that is not older by date. If number and date disagree, both govern,
    so that a revocation in either counts.
    """
    lists = list(lists)
    replaced = [one for one in lists if any(_replaces(other, one) for other in lists)]
    return [one for one in lists if one not in replaced], replaced


def _replaces(newer: CheckedList, older: CheckedList) -> bool:
    return (
        newer.meta.scope.id == older.meta.scope.id
        and newer.meta.number > older.meta.number
        and newer.meta.this_update >= older.meta.this_update
    )


def combine(base: CheckedList, deltas: Sequence[CheckedList], serial: bytes) -> Finding:
    """Apply to ``base``, in the order of their numbers, the deltas that fit it.

    A delta fits a list of the same scope and issuer key, whose number is at least the delta's BaseCRLNumber and below the
    delta's own. A list combined with a delta counts as a complete list with the delta's number.
    """
    entry = _worst(base.find(serial))
    decided_by: CheckedList = base
    used: list[CheckedList] = []
    number = base.meta.number
    for delta in sorted(deltas, key=lambda one: one.meta.number):
        if not _fits(delta, base, number):
            continue
        number = delta.meta.number
        used.append(delta)
        changed = delta.find(serial)
        if (revoking := _worst(one for one in changed if one.reason != REMOVE)) is not None:
            if entry is None or entry.reason == HOLD:
                entry, decided_by = revoking, delta
        elif changed and entry is not None and entry.reason == HOLD:
            entry = None  # released; every other reason is final
    if entry is None and used:
        decided_by = used[-1]
    return Finding(base, tuple(used), entry, decided_by)


def _fits(delta: CheckedList, base: CheckedList, number: int) -> bool:
    return (
        delta.meta.base is not None
        and delta.meta.base <= number < delta.meta.number
        and delta.meta.this_update >= base.meta.this_update
        and delta.meta.scope_value == base.meta.scope_value
        and delta.meta.key_identifier == base.meta.key_identifier
    )


def _worst(entries: Iterable[Entry]) -> Entry | None:
    """Of several entries for one serial, a final one before a hold."""
    return min(entries, key=lambda entry: entry.reason == HOLD, default=None)
