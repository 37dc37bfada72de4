"""Which days the manifests cover, what is missing, and what nobody has signed.

Nothing unsigned is believed here. The person who verifies says what was asked for; signed manifests say what has to be there.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from msgspec import Struct

from workflows.evidence import manifest
from workflows.evidence.failures import Failure
from workflows.evidence.manifest import Manifest

TOLERANCE = timedelta(minutes=15)
"""How long after its sealing a record may reach S3: the longest time that a Lambda runs."""
SEALED_BY = timedelta(minutes=90)
"""How long after midnight, UTC, the manifest of the day before has to be there. It is sealed at 00:30."""
_DAY = timedelta(days=1)


class Part(Struct, frozen=True, kw_only=True):
    """Which part of all the evidence was asked for. Days are inclusive, in UTC, by the time at which S3 stored the files. None: all.

    `device` is a device's name or a certificate's id; `prefix` is a prefix of keys in the bucket.
    """

    device: str | None = None
    first: date | None = None
    last: date | None = None
    prefix: str | None = None

    @property
    def partial(self) -> bool:
        return self != Part()

    @property
    def of_days(self) -> bool:
        return self.first is not None or self.last is not None

    def holds(self, kept_at: datetime) -> bool:
        """Whether S3 stored a file on one of the days asked for."""
        return self.holds_day(kept_at.astimezone(UTC).date())

    def holds_day(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def __str__(self) -> str:
        words = [f"device {self.device}"] if self.device is not None else []
        words += [f"below {self.prefix}"] if self.prefix is not None else []
        words += [f"from {self.first}"] if self.first else []
        words += [f"to {self.last}"] if self.last else []
        return " ".join(words) or "everything"


class CheckedFiles(Protocol):
    """The files that were read: the manifests that verify, the hash of every file, and the time that each record and trail entry gives."""

    manifests: dict[str, Manifest]
    hashes: dict[str, str]
    times: dict[str, datetime]

    @property
    def certificates(self) -> set[str]: ...


def due_day(at: datetime) -> date:
    """The last day whose manifest has to be there at `at`."""
    return (at - SEALED_BY).astimezone(UTC).date() - _DAY


def check(files: CheckedFiles, part: Part, due: date | None) -> Iterator[Failure]:
    """Compare the manifests with the files that are there. Without `due`, a missing day is not a failure."""
    listed = {entry.key: made for made in files.manifests.values() for entry in made.entries}
    yield from _entries(files, part)
    yield from _clocks(files, listed)
    yield from _unlisted(files, listed, due)
    if due is not None:
        yield from _missing_days({made.of_day: made for made in files.manifests.values()}, part, due)


def _entries(files: CheckedFiles, part: Part) -> Iterator[Failure]:
    """Each file that a manifest lists is unchanged, and is there if it belongs to the part asked for."""
    there = files.certificates
    for made in files.manifests.values():
        for entry in made.entries:
            found = files.hashes.get(entry.key)
            if found is None and _wanted(entry.key, made, part, there):
                yield Failure(key=entry.key, rule="manifest", message=f"Listed in {made.key}, but missing.")
            elif found is not None and found != entry.sha256:
                message = f"Listed in {made.key} with SHA-256 {entry.sha256}, but it has {found}: altered or replaced."
                yield Failure(key=entry.key, rule="manifest", message=message)


def _wanted(key: str, made: Manifest, part: Part, there: set[str]) -> bool:
    if part.prefix is not None:
        return key.startswith(part.prefix)
    return part.holds_day(made.of_day) and (part.device is None or _certificate(key) in there)


def _certificate(key: str) -> str:
    """The certificate that a record's key names. For the key of another file, the result is not a certificate's id."""
    return key.partition("/")[2].partition("/")[0]


def _clocks(files: CheckedFiles, listed: Mapping[str, Manifest]) -> Iterator[Failure]:
    """The time that a file gives agrees with the day on which S3 stored it."""
    for key, when in files.times.items():
        day = listed.get(key)
        if day is not None and (day.start - when > TOLERANCE or when - day.end >= TOLERANCE):
            message = f"It says {when.isoformat()}, but S3 kept it on {day.day}: a clock was wrong."
            yield Failure(key=key, rule="clock", message=message)


def _unlisted(files: CheckedFiles, listed: Mapping[str, Manifest], due: date | None) -> Iterator[Failure]:
    """Each file older than the last manifest, or than the last one that has to be there, is in a manifest."""
    ends = [made.end for made in files.manifests.values()]
    if due is not None:
        ends.append(manifest.bounds(due)[1])
    for key, when in files.times.items():
        if key not in listed and any(end - when > TOLERANCE for end in ends):
            message = f"Its time is {when.isoformat()}, but no manifest that is there lists it: nobody vouches for it."
            yield Failure(key=key, rule="manifest", message=message)


def _missing_days(manifests: Mapping[date, Manifest], part: Part, due: date) -> Iterator[Failure]:
    """Each day asked for has its manifest, up to last night's."""
    if not manifests:
        message = "No manifest is there. Nobody vouches for these files, and some may be missing."
        yield Failure(key="manifests/", rule="manifest", message=message)
        return
    earliest, latest = min(manifests), max(manifests)
    begun = manifests[earliest].previous is None
    start = earliest if part.first is None or (begun and part.first < earliest) else part.first
    end = due if part.last is None else min(part.last, due)
    if end < start:
        message = f"No manifest vouches for {part}, as of {due + _DAY}: those that are there begin with {earliest}."
        yield Failure(key="manifests/", rule="manifest", message=message)
    first = None
    for day in (start + timedelta(days=n) for n in range((end - start).days + 2)):
        gone = day <= end and day not in manifests
        if gone and first is None:
            first = day
        elif not gone and first is not None:
            yield Failure(
                key=manifest.key_of(first),
                rule="manifest",
                message=_days_without_manifest(first, day - _DAY, latest, manifests, due),
            )
            first = None


def _days_without_manifest(first: date, last: date, latest: date, manifests: Mapping[date, Manifest], due: date) -> str:
    days = f"{first}" if first == last else f"{first} to {last}"
    if first <= latest:
        return f"No manifest of {days}: what was kept then may be missing, or made up."
    sealed = f"{manifests[latest].sealed_at:%Y-%m-%d %H:%M}Z"
    return (
        f"No manifest of {days}. The last is of {latest}, sealed at {sealed}; as of {due + _DAY} there has to be that of {due}. "
        "What was kept since then may be missing, or made up. Of files that were taken out earlier, say --as-of."
    )
