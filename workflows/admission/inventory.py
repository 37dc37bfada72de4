"""Matching a certificate with the inventory: the most specific key wins, and a deny among them beats every allow.

A name counts for one CA's devices if the line says whose (``issuer-name#``), and otherwise for those of every registered CA (``name#``).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from msgspec import Struct, structs

from workflows.admission.contracts import CertificateFacts, DeviceRecord
from workflows.moments import Moment

Kind = Literal["certificate", "serial", "name"]
_KINDS: dict[str, Kind] = {"certificate": "certificate", "serial": "serial", "issuer-name": "name", "name": "name"}
"""What a record recognises a device by, by how its key begins. A name's own text cannot make it another: each begins alike up to the #."""

_LONGEST_KEY = 2048
"""Bytes of a partition key (DynamoDB developer guide, Constraints): a longer common name cannot have been entered."""


class Binding(Struct, frozen=True, kw_only=True):
    """Which certificate a device has been admitted with, under ``device#<device>``.

    `previous_certificate_id` is what it replaced, and since when that had been bound, so that a roll back can restore it.
    """

    lookup_key: str
    bound_certificate_id: str
    bound_at: Moment
    execution_arn: str
    previous_certificate_id: str | None = None
    previous_bound_at: Moment | None = None


class Match(Struct, frozen=True, kw_only=True):
    """The record that counts, if any. `expired` are the lookup keys of records whose time is over; they do not count."""

    record: DeviceRecord | None
    matched_by: Kind | None
    expired: tuple[str, ...]
    reason: str

    @property
    def denied(self) -> bool:
        return self.record is not None and self.record.effect == "deny"


def lookup_keys(facts: CertificateFacts) -> tuple[str, ...]:
    """The keys under which this certificate may be expected, most specific first. Never a ``device#`` or ``denied#`` key."""
    keys = [f"certificate#{facts.certificate_id}", f"serial#{facts.issuer_key}#{facts.serial}"]
    if facts.common_name:
        keys += [f"issuer-name#{facts.issuer_key}#{facts.common_name}", f"name#{facts.common_name}"]
    return tuple(key for key in keys if len(key.encode()) <= _LONGEST_KEY)


def device_key(device: str) -> str:
    """The key of a device's binding."""
    return f"device#{device}"


def denied_key(device: str) -> str:
    """The key of the mark that denies a device, whatever its other lines say. No certificate has this key."""
    return f"denied#{device}"


def match(facts: CertificateFacts, records: Iterable[DeviceRecord], at: datetime) -> Match:
    """Which of `records` counts for this certificate at `at`. Records under other keys than its own are passed over."""
    keys = lookup_keys(facts)
    found = {record.lookup_key: record for record in records if record.lookup_key in keys}
    live = [found[key] for key in keys if key in found and not _is_over(found[key], at)]
    expired = tuple(key for key in keys if key in found and _is_over(found[key], at))
    denials = [record for record in live if record.effect == "deny"]
    record = next(iter(denials or live), None)
    return Match(
        record=record,
        matched_by=None if record is None else kind_of(record.lookup_key),
        expired=expired,
        reason=_reason(record, [found[key] for key in expired]),
    )


def denied_by(matched: Match, mark: DeviceRecord | None) -> Match:
    """The match if `mark`, the line ``denied#<device>`` of the matched device, is there: then it counts, before every other line."""
    if mark is None or mark.effect != "deny":
        return matched
    reason = (
        f"The inventory denies {mark.device}, whatever its certificate, "
        f"entered by {mark.entered_by} on {mark.entered_at:%Y-%m-%d}."
    )
    return structs.replace(matched, record=mark, reason=reason)


def kind_of(lookup_key: str) -> Kind:
    """What a record recognises a device by. Raises ValueError for a key that is none of a record's."""
    kind = _KINDS.get(lookup_key.partition("#")[0]) if "#" in lookup_key else None
    if kind is None:
        raise ValueError(f"lookup key {lookup_key!r}; expected certificate#…, serial#…, issuer-name#… or name#…")
    return kind


def counts_for_every_ca(record: DeviceRecord) -> bool:
    """Whether it expects a name without saying whose CA's: then any CA could let its own device in as this one."""
    return record.effect == "allow" and record.lookup_key.startswith("name#")


def _is_over(record: DeviceRecord, at: datetime) -> bool:
    return record.expires_at is not None and at >= record.expires_at


_BY = {
    "certificate": "its certificate's hash",
    "serial": "its certificate's issuer and serial number",
    "name": "its certificate's common name",
}


def _reason(record: DeviceRecord | None, expired: list[DeviceRecord]) -> str:
    if record is None:
        said = "The inventory has no record for this certificate's hash, serial number or common name."
    else:
        verb = "denies" if record.effect == "deny" else "expects"
        said = (
            f"The inventory {verb} {record.device} by {_BY[kind_of(record.lookup_key)]}, "
            f"entered by {record.entered_by} on {record.entered_at:%Y-%m-%d}."
        )
    for old in expired:
        said += f" A record for {old.device} by {_BY[kind_of(old.lookup_key)]} expired on {old.expires_at:%Y-%m-%d}."
    return said
