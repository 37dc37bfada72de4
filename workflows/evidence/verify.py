"""Verification without AWS: from the files and the public keys alone.

Each failure names the file and the rule it breaks:
    format      it is no sealed file
    key         it was signed by a key that is not trusted
    signature   its signature does not hold
    canonical   its payload is not the one form RFC 8785 allows
    schema      its payload is not of the format it names
    place       it lies where another file belongs
    vote        a vote was not cast by its signer on this certificate, basis and request
    clock       times that cannot be: a clock was set back, or was wrong
    outcome     what it holds does not bear its outcome out
    chain       the record before it is missing, altered or replaced
    manifest    a day's manifest and the files disagree
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from msgspec import Struct

from workflows.evidence import jws, manifest, record, story, trail
from workflows.evidence.canonical import is_canonical, sha256
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.jws import Keys
from workflows.evidence.manifest import Manifest
from workflows.evidence.record import AdmissionRecord, Link, Record

TOLERANCE = timedelta(minutes=15)
"""How long after it was sealed a record may reach S3: the longest that a Lambda runs."""


class Failure(Struct, frozen=True, kw_only=True, order=True):
    """One file, one rule, one sentence."""

    key: str
    rule: str
    message: str


class Report(Struct, frozen=True, kw_only=True):
    """What was verified, and all that failed. `not_yet_listed` are records younger than the last manifest."""

    records: int
    votes: int
    manifests: int
    trail_entries: int
    not_yet_listed: int
    failures: tuple[Failure, ...]


def verify_record(data: bytes, keys: Keys) -> Record:
    """One record by itself: signature, form, schema, votes and story; not its chain. Raises `EvidenceInvalid`."""
    payload = jws.opened(data, kind=jws.RECORD, keys=keys)
    made = record.parse(payload)
    _in_one_form(payload, made)
    if isinstance(made, AdmissionRecord):
        story.check(made, keys)
    return made


def verify_manifest(data: bytes, keys: Keys) -> Manifest:
    """One manifest by itself. Raises `EvidenceInvalid`."""
    payload = jws.opened(data, kind=jws.MANIFEST, keys=keys)
    made = manifest.parse(payload)
    _in_one_form(payload, made)
    return made


def verify(files: Iterable[tuple[str, bytes]], keys: Keys, *, partial: bool = False) -> Report:
    """Everything that was kept, or with `partial` some certificates of it: `files` with their keys in the evidence bucket.

    Files are read once, one after the other, and not held. With `partial`, neither manifests nor what they list of certificates of
    which nothing is there are missed.
    """
    kept = _Kept(keys)
    for key, data in files:
        kept.take(key, data)
    listed = {entry.key: made for made in kept.manifests.values() for entry in made.entries}
    unlisted = [key for key in kept.times if key not in listed]
    failures = [
        *kept.failures,
        *_chain(kept, partial=partial),
        *_beginnings(kept),
        *_manifests(kept, partial=partial),
        *_days(kept, listed),
        *([] if partial else _gaps(kept)),
        *([] if partial else _overdue(kept, unlisted)),
    ]
    return Report(
        records=len(kept.records),
        votes=kept.votes,
        manifests=len(kept.manifests),
        trail_entries=kept.trail_entries,
        not_yet_listed=len(unlisted),
        failures=tuple(sorted(failures)),
    )


class _Record(NamedTuple):
    certificate_id: str
    links: tuple[Link | None, ...]


class _Kept:
    """What is needed of each file once it has been checked by itself."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.records: dict[str, _Record] = {}
        self.manifests: dict[str, Manifest] = {}
        self.hashes: dict[str, str] = {}
        self.times: dict[str, datetime] = {}
        self.votes = 0
        self.trail_entries = 0
        self.failures: list[Failure] = []

    def take(self, key: str, data: bytes) -> None:
        """Check one file by itself, and keep what the others are checked against."""
        self.hashes[key] = sha256(data)
        try:
            place = self._read(key, data)
        except EvidenceInvalid as error:
            self.failures.append(Failure(key=key, rule=error.rule, message=str(error)))
            return
        if place != key:
            told = f"It says that it belongs at {place}: it was put in another's place."
            self.failures.append(Failure(key=key, rule="place", message=told))

    def _read(self, key: str, data: bytes) -> str:
        if key.startswith("records/"):
            made = verify_record(data, self._keys)
            self.records[key] = _Record(made.certificate_id, (made.previous, made.device_previous))
            self.times[key] = made.sealed_at
            self.votes += _votes(made)
            return made.key
        if key.startswith("manifests/"):
            self.manifests[key] = listing = verify_manifest(data, self._keys)
            return listing.key
        entry = trail.parse(data)
        self.times[key] = entry.at
        self.trail_entries += 1
        return entry.key


def _in_one_form(payload: bytes, made: object) -> None:
    if not is_canonical(payload, made):
        raise EvidenceInvalid(
            "canonical", "The payload is not in the one form RFC 8785 allows: readers may differ on it."
        )


def _chain(kept: _Kept, *, partial: bool) -> Iterator[Failure]:
    """Each link leads to a file that is there, is the one meant, and is not younger."""
    times = kept.times | {key: made.sealed_at for key, made in kept.manifests.items()}
    links = {key: made.links for key, made in kept.records.items()}
    if not partial:
        links |= {key: (made.previous,) for key, made in kept.manifests.items()}
    for key, link in ((key, link) for key, several in links.items() for link in several if link is not None):
        found = kept.hashes.get(link.key)
        if found is None:
            yield Failure(key=key, rule="chain", message=f"It comes after {link.key}, which is missing.")
        elif found != link.sha256:
            told = f"It comes after {link.key} with SHA-256 {link.sha256}, but what is there has {found}: altered or replaced."
            yield Failure(key=key, rule="chain", message=told)
        elif link.key in times and times[link.key] > times[key]:
            told = f"Sealed at {times[key].isoformat()}, before {link.key}, which it comes after: a clock was set back."
            yield Failure(key=key, rule="clock", message=told)


def _beginnings(kept: _Kept) -> Iterator[Failure]:
    """A certificate's chain begins once."""
    begun: dict[str, str] = {}
    for key in sorted(kept.records, key=lambda key: kept.times[key]):
        if kept.records[key].links[0] is None:
            first = begun.setdefault(kept.records[key].certificate_id, key)
            if first != key:
                told = f"It begins a chain although {first} had begun one for the same certificate."
                yield Failure(key=key, rule="chain", message=told)


def _manifests(kept: _Kept, *, partial: bool) -> Iterator[Failure]:
    """What a manifest lists is there, and is what was listed."""
    there = {made.certificate_id for made in kept.records.values()}
    for made in kept.manifests.values():
        for entry in made.entries:
            found = kept.hashes.get(entry.key)
            if found is None and (not partial or _certificate(entry.key) in there):
                yield Failure(key=entry.key, rule="manifest", message=f"Listed in {made.key}, but missing.")
            elif found is not None and found != entry.sha256:
                told = f"Listed in {made.key} with SHA-256 {entry.sha256}, but it has {found}: altered or replaced."
                yield Failure(key=entry.key, rule="manifest", message=told)


def _gaps(kept: _Kept) -> Iterator[Failure]:
    """Each manifest but the first comes after the one of the day before."""
    for before, key in pairwise(sorted(kept.manifests)):
        made = kept.manifests[key]
        if made.previous is None or made.previous.key != before or made.start != kept.manifests[before].end:
            yield Failure(
                key=key, rule="chain", message=f"It does not come after {before}: days are missing between them."
            )


def _days(kept: _Kept, listed: Mapping[str, Manifest]) -> Iterator[Failure]:
    """What a file says of its time agrees with the day on which S3 kept it."""
    for key, when in kept.times.items():
        day = listed.get(key)
        if day is not None and not day.start - TOLERANCE <= when < day.end + TOLERANCE:
            told = f"It says {when.isoformat()}, but S3 kept it on {day.day}: a clock was wrong."
            yield Failure(key=key, rule="clock", message=told)


def _overdue(kept: _Kept, unlisted: Iterable[str]) -> Iterator[Failure]:
    """What is older than the last manifest is in one."""
    if not kept.manifests:
        return
    last = max(kept.manifests.values(), key=lambda made: made.end)
    for key in unlisted:
        if kept.times[key] < last.end - TOLERANCE:
            yield Failure(key=key, rule="manifest", message=f"In no manifest, although it is older than {last.key}.")


def _certificate(key: str) -> str:
    """The certificate a record's key names; of another file's key, something that is none."""
    return key.partition("/")[2].partition("/")[0]


def _votes(made: Record) -> int:
    return len(made.dossier.approval.votes) if isinstance(made, AdmissionRecord) and made.dossier.approval else 0
