"""Verification without AWS: from the files and the public keys alone.

Each failure names the file and the rule it breaks:
    format      it is not a sealed file
    key         it was signed by a key that is not trusted
    signature   its signature is not valid
    canonical   its payload is not in the canonical form of RFC 8785
    schema      its payload is not of the format it names
    place       it has the key of another file
    vote        a vote was not cast by its signer on this certificate, basis and request
    clock       its times are impossible: a clock was set back, or was wrong
    outcome     its content does not support its outcome
    chain       the record before it is missing, altered or replaced
    manifest    a day's manifest and the files disagree, or a manifest is missing
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import pairwise
from typing import NamedTuple

from workflows.canonical import is_canonical, sha256
from workflows.evidence import audit_trail, coverage, jws, manifest, record, story
from workflows.evidence.coverage import Part
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.failures import Failure, Report
from workflows.evidence.jws import Keys
from workflows.evidence.manifest import Manifest
from workflows.evidence.record import AdmissionRecord, Link, Record


def verify_record(data: bytes, keys: Keys) -> Record:
    """Verify one record alone: signature, form, schema, votes and story, but not its chain. Raises `EvidenceInvalid`."""
    payload = jws.opened(data, kind=jws.RECORD, keys=keys)
    made = record.parse(payload)
    _in_one_form(payload, made)
    if isinstance(made, AdmissionRecord):
        story.check(made, keys)
    return made


def verify_manifest(data: bytes, keys: Keys) -> Manifest:
    """Verify one manifest alone. Raises `EvidenceInvalid`."""
    payload = jws.opened(data, kind=jws.MANIFEST, keys=keys)
    made = manifest.parse(payload)
    _in_one_form(payload, made)
    return made


def verify(files: Iterable[tuple[str, bytes]], keys: Keys, *, part: Part = Part(), due: date | None = None) -> Report:  # noqa: B008 - frozen
    """Verify everything that was kept, or `part` of it: `files` with their keys in the evidence bucket.

    Files are read once, one after the other, and not held in memory. `due` is the last day whose manifest must exist (`coverage.due_day`);
    None: that is not checked.
    """
    checked = _CheckedFiles(keys)
    for key, data in files:
        checked.take(key, data)
    listed = {entry.key for made in checked.manifests.values() for entry in made.entries}
    failures = [
        *checked.failures,
        *_chain(checked, whole=not part.partial or (due is not None and not part.of_days)),
        *_beginnings(checked),
        *coverage.check(checked, part, due),
        *(_gaps(checked) if not part.partial else []),
    ]
    last = max(checked.manifests.values(), key=lambda made: made.end, default=None)
    return Report(
        records=len(checked.records),
        votes=checked.votes,
        manifests=len(checked.manifests),
        trail_entries=len(checked.trail & listed),
        not_yet_listed=len(checked.records.keys() - listed),
        unsigned=len(checked.trail - listed),
        partial=part.partial,
        part=str(part),
        first_day=min((made.of_day for made in checked.manifests.values()), default=None),
        last_day=last.of_day if last else None,
        last_sealed_at=last.sealed_at if last else None,
        failures=tuple(sorted(failures)),
    )


class _Record(NamedTuple):
    certificate_id: str
    links: tuple[Link | None, ...]


class _CheckedFiles:
    """What is needed of each file after it has been checked alone."""

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
        """The certificates that have a record."""
        return {made.certificate_id for made in self.records.values()}

    def take(self, key: str, data: bytes) -> None:
        """Check one file alone, and keep what the other files are compared with."""
        self.hashes[key] = sha256(data)
        try:
            place = self._read(key, data)
        except EvidenceInvalid as error:
            self.failures.append(Failure(key=key, rule=error.rule, message=str(error)))
            return
        if place != key:
            message = f"It says that it belongs at {place}: it was moved."
            self.failures.append(Failure(key=key, rule="place", message=message))

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
        entry = audit_trail.parse(data)
        self.times[key] = entry.at
        self.trail.add(key)
        return entry.key


def _in_one_form(payload: bytes, made: object) -> None:
    if not is_canonical(payload, made):
        raise EvidenceInvalid(
            "canonical", "The payload is not in the canonical form of RFC 8785: readers may understand it differently."
        )


def _chain(checked: _CheckedFiles, *, whole: bool) -> Iterator[Failure]:
    """Each link leads to a file that is there, has the linked hash, and is not younger."""
    times = checked.times | {key: made.sealed_at for key, made in checked.manifests.items()}
    links = {key: made.links for key, made in checked.records.items()}
    if whole:
        links |= {key: (made.previous,) for key, made in checked.manifests.items()}
    for key, link in ((key, link) for key, several in links.items() for link in several if link is not None):
        found = checked.hashes.get(link.key)
        if found is None:
            yield Failure(key=key, rule="chain", message=f"It comes after {link.key}, which is missing.")
        elif found != link.sha256:
            message = f"It comes after {link.key} with SHA-256 {link.sha256}, but what is there has {found}: altered or replaced."
            yield Failure(key=key, rule="chain", message=message)
        elif link.key in times and times[link.key] > times[key]:
            message = (
                f"Sealed at {times[key].isoformat()}, before {link.key}, which it comes after: a clock was set back."
            )
            yield Failure(key=key, rule="clock", message=message)


def _beginnings(checked: _CheckedFiles) -> Iterator[Failure]:
    """Each certificate's chain has one beginning."""
    begun: dict[str, str] = {}
    for key in sorted(checked.records, key=lambda key: checked.times[key]):
        if checked.records[key].links[0] is None:
            first = begun.setdefault(checked.records[key].certificate_id, key)
            if first != key:
                message = f"It begins a chain although {first} had begun one for the same certificate."
                yield Failure(key=key, rule="chain", message=message)


def _gaps(checked: _CheckedFiles) -> Iterator[Failure]:
    """Each manifest but the first comes after the one of the day before."""
    for before, key in pairwise(sorted(checked.manifests)):
        made = checked.manifests[key]
        if made.previous is None or made.previous.key != before or made.start != checked.manifests[before].end:
            yield Failure(
                key=key, rule="chain", message=f"It does not come after {before}: days are missing between them."
            )


def _votes(made: Record) -> int:
    return len(made.dossier.approval.votes) if isinstance(made, AdmissionRecord) and made.dossier.approval else 0
