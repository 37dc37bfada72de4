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

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from workflows.evidence import jws, manifest, record, story, trail
from workflows.evidence.canonical import is_canonical, sha256
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.manifest import Manifest
from workflows.evidence.record import AdmissionRecord, Record

TOLERANCE = timedelta(minutes=15)
"""How long after it was sealed a record may reach S3: the longest that a Lambda runs."""

Keys = Mapping[str, ec.EllipticCurvePublicKey]


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
    made = record.parse(_payload(data, jws.RECORD, keys))
    if isinstance(made, AdmissionRecord):
        story.check(made, keys)
    return made


def verify_manifest(data: bytes, keys: Keys) -> Manifest:
    """One manifest by itself. Raises `EvidenceInvalid`."""
    return manifest.parse(_payload(data, jws.MANIFEST, keys))


def verify(files: Mapping[str, bytes], keys: Keys, *, partial: bool = False) -> Report:
    """Everything that was kept, or with `partial` some certificates of it: `files` by their keys in the evidence bucket.

    With `partial`, what a manifest lists of certificates of which nothing is there is not missed, nor are manifests.
    """
    checked = _Checked(files, keys)
    failures = [
        *checked.failures,
        *_chain(checked, checked.records),
        *_chain(checked, {} if partial else checked.manifests),
        *_beginnings(checked.records),
        *_manifests(checked, partial=partial),
    ]
    return Report(
        records=len(checked.records),
        votes=sum(_votes(made) for made in checked.records.values()),
        manifests=len(checked.manifests),
        trail_entries=len(checked.trail),
        not_yet_listed=len(checked.unlisted),
        failures=tuple(sorted(failures)),
    )


class _Checked:
    """Every file by itself: what holds, by kind, what does not, and each one's hash."""

    def __init__(self, files: Mapping[str, bytes], keys: Keys) -> None:
        self.records: dict[str, Record] = {}
        self.manifests: dict[str, Manifest] = {}
        self.trail: dict[str, trail.Entry] = {}
        self.times: dict[str, datetime] = {}
        self.hashes = {key: sha256(data) for key, data in files.items()}
        self.failures: list[Failure] = []
        for key, data in sorted(files.items()):
            try:
                self._take(key, data, keys)
            except EvidenceInvalid as error:
                self.failures.append(Failure(key=key, rule=error.rule, message=str(error)))
        self.listed = {entry.key: made for made in self.manifests.values() for entry in made.entries}
        self.unlisted = [key for key in self.times if key not in self.listed]

    def _take(self, key: str, data: bytes, keys: Keys) -> None:
        made: Record | Manifest | trail.Entry
        if key.startswith("records/"):
            made = verify_record(data, keys)
            self.records[key], self.times[key] = made, made.sealed_at
        elif key.startswith("manifests/"):
            made = verify_manifest(data, keys)
            self.manifests[key] = made
        else:
            made = trail.parse(data)
            self.trail[key], self.times[key] = made, made.at
        if made.key != key:
            raise EvidenceInvalid("place", f"It says that it belongs at {made.key}: it was put in another's place.")


def _payload(data: bytes, kind: str, keys: Keys) -> bytes:
    payload = jws.opened(data, kind=kind, keys=keys)
    if not is_canonical(payload):
        raise EvidenceInvalid(
            "canonical", "The payload is not in the one form RFC 8785 allows: readers may differ on it."
        )
    return payload


def _chain(checked: _Checked, chained: Mapping[str, Record] | Mapping[str, Manifest]) -> Iterator[Failure]:
    """Each link leads to a file that is there, is the one meant, and is not younger."""
    for key, made in chained.items():
        links = (made.previous,) if isinstance(made, Manifest) else (made.previous, made.device_previous)
        for link in links:
            if link is None:
                continue
            found = checked.hashes.get(link.key)
            before = chained.get(link.key)
            if found is None:
                yield Failure(key=key, rule="chain", message=f"It comes after {link.key}, which is missing.")
            elif found != link.sha256:
                told = f"It comes after {link.key} with SHA-256 {link.sha256}, but what is there has {found}: altered or replaced."
                yield Failure(key=key, rule="chain", message=told)
            elif before is not None and before.sealed_at > made.sealed_at:
                told = f"Sealed at {made.sealed_at.isoformat()}, before {link.key}, which it comes after: a clock was set back."
                yield Failure(key=key, rule="clock", message=told)


def _beginnings(records: Mapping[str, Record]) -> Iterator[Failure]:
    """A certificate's chain begins once."""
    begun: dict[str, str] = {}
    for key, made in sorted(records.items(), key=lambda pair: pair[1].sealed_at):
        if made.previous is not None:
            continue
        first = begun.setdefault(made.certificate_id, key)
        if first != key:
            told = f"It begins a chain although {first} had begun one for the same certificate."
            yield Failure(key=key, rule="chain", message=told)


def _manifests(checked: _Checked, *, partial: bool) -> Iterator[Failure]:
    there = {made.certificate_id for made in checked.records.values()}
    for made in checked.manifests.values():
        for entry in made.entries:
            found = checked.hashes.get(entry.key)
            if found is None and (not partial or _certificate(entry.key) in there):
                yield Failure(key=entry.key, rule="manifest", message=f"Listed in {made.key}, but missing.")
            elif found is not None and found != entry.sha256:
                told = f"Listed in {made.key} with SHA-256 {entry.sha256}, but it has {found}: altered or replaced."
                yield Failure(key=entry.key, rule="manifest", message=told)
    for key, when in checked.times.items():
        listing = checked.listed.get(key)
        if listing is not None and not listing.start - TOLERANCE <= when < listing.end + TOLERANCE:
            told = f"It says {when.isoformat()}, but S3 kept it on {listing.day}: a clock was wrong."
            yield Failure(key=key, rule="clock", message=told)
    if checked.manifests and not partial:
        yield from _overdue(checked)


def _overdue(checked: _Checked) -> Iterator[Failure]:
    """What is older than the last manifest must be in one."""
    last = max(checked.manifests.values(), key=lambda made: made.end)
    for key in checked.unlisted:
        if checked.times[key] < last.end - TOLERANCE:
            yield Failure(key=key, rule="manifest", message=f"In no manifest, although it is older than {last.key}.")


def _certificate(key: str) -> str:
    """The certificate a record's key names; of another file's key, something that is none."""
    return key.partition("/")[2].partition("/")[0]


def _votes(made: Record) -> int:
    return len(made.dossier.approval.votes) if isinstance(made, AdmissionRecord) and made.dossier.approval else 0
