"""Evidence taken out of the stack: the files as they were sealed, an index, the public key, and a page to print."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatehouse.evidence.checking import INDEX
from gatehouse.evidence.files import Bucket, File, prefixes_of, readable, with_what_came_before
from gatehouse.evidence.telling import Section, subject_of, tell, what
from gatehouse.target import Target
from workflows.errors import BadInput
from workflows.evidence import jws, manifest
from workflows.evidence.canonical import sha256
from workflows.evidence.verify import Report, verify

FORMAT = "gatehouse.export/1"
PAGE = "evidence.html"
PUBLIC_KEY = "public-key.pem"
VOTE_KEY = "vote-key.pem"


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; days are inclusive, UTC, and those on which S3 kept the records. None: all."""

    device: str | None = None
    first: date | None = None
    last: date | None = None

    @property
    def partial(self) -> bool:
        return self != Scope()

    def holds(self, kept_at: datetime) -> bool:
        day = kept_at.astimezone(UTC).date()
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the index. What cannot be read has only its key and hash. `subject` is the certificate's own word."""

    key: str
    sha256: str
    device: str | None = None
    certificate_id: str | None = None
    subject: str | None = None
    outcome: str | None = None
    what: str | None = None
    reason: str | None = None
    sealed_at: datetime | None = None
    sections: list[Section] = []


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """What was written, and whether it verifies."""

    folder: Path
    records: int
    report: Report


def export(target: Target, folder: Path, scope: Scope, keys: jws.Keys, *, at: datetime) -> Export:
    """Write everything in `scope` below `folder`, with the records before it, so that what was exported can be verified.

    Raises `BadInput` if the folder is not empty, `NotFound` for a device that is not known.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} is not empty. Export into a new folder, so that nothing old is taken for new.")
    bucket = Bucket(target)
    records = _records(target, bucket, scope)
    others = _others(bucket, scope, records)
    for found in (*records, *others):
        path = folder / found.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(found.data)
    report = verify(((found.key, found.data) for found in (*records, *others)), keys, partial=scope.partial)
    lines = sorted((_line(found) for found in records), key=lambda line: str(line.sealed_at))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / INDEX).write_bytes(_index(lines, scope, keys, at))
    (folder / PAGE).write_text(_page(lines, scope, keys, report, at), encoding="utf-8")
    (folder / PUBLIC_KEY).write_bytes(_pem(keys))
    (folder / VOTE_KEY).write_bytes(_pem(keys.of_votes))
    return Export(folder=folder, records=len(records), report=report)


def _pem(keys: Mapping[str, ec.EllipticCurvePublicKey]) -> bytes:
    return b"".join(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for key in keys.values())


def _records(target: Target, bucket: Bucket, scope: Scope) -> list[File]:
    prefixes = prefixes_of(target, scope.device) if scope.device is not None else ["records/"]
    wanted = [key for prefix in prefixes for key, kept_at in bucket.listing(prefix) if scope.holds(kept_at)]
    return with_what_came_before(bucket, list(bucket.read(wanted)))


def _others(bucket: Bucket, scope: Scope, records: Sequence[File]) -> list[File]:
    """The manifests that list the records, and the trail of the days asked for; of one device, no trail."""
    trail = (
        [] if scope.device is not None else [key for key, kept_at in bucket.listing("trail/") if scope.holds(kept_at)]
    )
    days = {found.kept_at.astimezone(UTC).date() for found in records}
    listed = [key for key, _ in bucket.listing("manifests/")]
    if scope.partial:
        listed = sorted(set(listed) & {manifest.key_of(day) for day in days})
    return list(bucket.read([*trail, *listed]))


def _line(found: File) -> Line:
    made = readable(found.data)
    if made is None:
        return Line(key=found.key, sha256=sha256(found.data))
    return Line(
        key=found.key,
        sha256=sha256(found.data),
        device=made.device,
        certificate_id=made.certificate_id,
        subject=subject_of(made),
        outcome=made.outcome,
        what=what(made),
        reason=made.reason,
        sealed_at=made.sealed_at,
        sections=tell(made),
    )


def _index(lines: Sequence[Line], scope: Scope, keys: jws.Keys, at: datetime) -> bytes:
    records = [{key: value for key, value in msgspec.to_builtins(line).items() if key != "sections"} for line in lines]
    index = {
        "format": FORMAT,
        "exported_at": at,
        "partial": scope.partial,
        "scope": scope,
        "public_keys": list(keys),
        "vote_keys": list(keys.of_votes),
        "records": records,
    }
    return msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n"


def _page(lines: Sequence[Line], scope: Scope, keys: jws.Keys, report: Report, at: datetime) -> str:
    """Names and reasons may be a device's own words: the template escapes everything."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("gatehouse.evidence", "."), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["told"] = _told
    page = environment.get_template("page.html.j2")
    failed = {failure.key for failure in report.failures}
    return page.render(lines=lines, scope=scope, keys=keys, report=report, failed=failed, at=at)


def _told(value: object) -> str:
    """A value as text; structures as indented JSON."""
    match value:
        case None | [] | ():
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(UTC).isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
        case list() | tuple() if all(isinstance(part, str) for part in value):
            return ", ".join(value)
        case dict() | list() | tuple():
            return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return str(value)
