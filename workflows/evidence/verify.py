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
    manifest    a day's manifest and the files disagree, or a manifest that has to be there is not
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import pairwise
from typing import NamedTuple

from workflows.canonical import is_canonical, sha256
from workflows.evidence import coverage, jws, manifest, record, story, trail
from workflows.evidence.coverage import Part
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.failures import Failure, Report
from workflows.evidence.jws import Keys
from workflows.evidence.manifest import Manifest
from workflows.evidence.record import AdmissionRecord, Link, Record


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


def verify(files: Iterable[tuple[str, bytes]], keys: Keys, *, part: Part = Part(), due: date | None = None) -> Report:  # noqa: B008 - frozen
    """Everything that was kept, or `part` of it: `files` with their keys in the evidence bucket.

    Files are read once, one after the other, and not held. `due` is the last day whose manifest has to be there (`coverage.due_day`);
    None: whether the manifests reach as far as they have to is not judged.
    """
    kept = _Kept(keys)
    for key, data in files:
        kept.take(key, data)
    listed = {entry.key for made in kept.manifests.values() for entry in made.entries}
    failures = [
        *kept.failures,
        *_chain(kept, whole=not part.partial or (due is not None and not part.of_days)),
        *_beginnings(kept),
        *coverage.check(kept, part, due),
        *(_gaps(kept) if not part.partial else []),
    ]
    last = max(kept.manifests.values(), key=lambda made: made.end, default=None)
    return Report(
        records=len(kept.records),
        votes=kept.votes,
        manifests=len(kept.manifests),
        trail_entries=len(kept.trail & listed),
        not_yet_listed=len(kept.records.keys() - listed),
        unsigned=len(kept.trail - listed),
        partial=part.partial,
        part=str(part),
        first_day=min((made.of_day for made in kept.manifests.values()), default=None),
        last_day=last.of_day if last else None,
        last_sealed_at=last.sealed_at if last else None,
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
        self.trail: set[str] = set()
        self.failures: list[Failure] = []

    @property
    def certificates(self) -> set[str]:
        """Those of which a record is there."""
        return {made.certificate_id for made in self.records.values()}

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
        self.trail.add(key)
        return entry.key


def _in_one_form(payload: bytes, made: object) -> None:
    if not is_canonical(payload, made):
        raise EvidenceInvalid(
            "canonical", "The payload is not in the one form RFC 8785 allows: readers may differ on it."
        )


def _chain(kept: _Kept, *, whole: bool) -> Iterator[Failure]:
    """Each link leads to a file that is there, is the one meant, and is not younger."""
    times = kept.times | {key: made.sealed_at for key, made in kept.manifests.items()}
    links = {key: made.links for key, made in kept.records.items()}
    if whole:
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


def _gaps(kept: _Kept) -> Iterator[Failure]:
    """Each manifest but the first comes after the one of the day before."""
    for before, key in pairwise(sorted(kept.manifests)):
        made = kept.manifests[key]
        if made.previous is None or made.previous.key != before or made.start != kept.manifests[before].end:
            yield Failure(
                key=key, rule="chain", message=f"It does not come after {before}: days are missing between them."
            )


def _votes(made: Record) -> int:
    return len(made.dossier.approval.votes) if isinstance(made, AdmissionRecord) and made.dossier.approval else 0
