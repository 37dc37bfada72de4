"""Exports evidence: the sealed files unchanged, an index, the public keys, and a page to print."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatehouse.evidence import places
from gatehouse.evidence.files import Bucket, File, prefixes_of, readable, with_what_came_before
from gatehouse.evidence.folders import COMPLETE, FORMAT, complete
from gatehouse.evidence.telling import Section, subject_of, tell, what
from gatehouse.stack.target import Target
from workflows.canonical import sha256
from workflows.errors import BadInput
from workflows.evidence import jws, manifest
from workflows.evidence.coverage import Part, due_day
from workflows.evidence.failures import Failure, Report
from workflows.evidence.verify import verify
from workflows.moments import in_utc
from workflows.text import json_text, visible

INDEX = "index.json"
PAGE = "evidence.html"
PUBLIC_KEY = "public-key.pem"
VOTE_KEY = "vote-key.pem"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the index. One that cannot be read has only its key and hash. `subject` is text from the certificate."""

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
    """The folder that was written, and the report of its verification."""

    folder: Path
    records: int
    report: Report


def export(target: Target, folder: Path, part: Part, keys: jws.Keys, *, at: datetime) -> Export:
    """Write all files in `part` below `folder`, with the records that they name, so that the folder can be verified.

    Raises `BadInput` if the folder is not empty, `NotFound` for a device that is not known.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(
            f"{folder} is not empty. Export into a new folder, so that no old file is mistaken for a new one."
        )
    bucket = Bucket(target)
    records = _records(target, bucket, part)
    found = [*records, *_others(bucket, part, records)]
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.unfinished-", dir=folder.parent))
    try:
        report, lines = _write(scratch, found, keys, part, at=at, missed=bucket.failures)
        if folder.exists():
            folder.rmdir()  # empty; Windows does not rename over a folder
        scratch.chmod(0o755)
        scratch.rename(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return Export(folder=folder, records=len(lines), report=report)


def _write(
    scratch: Path, files: Sequence[File], keys: jws.Keys, part: Part, *, at: datetime, missed: Sequence[Failure]
) -> tuple[Report, list[Line]]:
    """Write each file, and last the one that lists them all. A key that cannot become a file is a failure; the others are written."""
    refused = {one.key: why for one in files if (why := places.write(scratch, one.key, one.data)) is not None}
    written = [one for one in files if one.key not in refused]
    report = verify(((one.key, one.data) for one in written), keys, part=part, due=due_day(at))
    not_exported = [
        Failure(key=key, rule="place", message=f"It was not exported: {why}.") for key, why in refused.items()
    ]
    report = msgspec.structs.replace(report, failures=tuple(sorted((*report.failures, *not_exported, *missed))))
    lines = sorted(
        (_line(one) for one in written if one.key.startswith("records/")), key=lambda line: str(line.sealed_at)
    )
    beside = {
        INDEX: _index(lines, part, keys, at),
        PAGE: _page(lines, part, keys, report, at).encode(),
        PUBLIC_KEY: _pem(keys),
        VOTE_KEY: _pem(keys.of_votes),
    }
    for name, data in beside.items():
        (scratch / name).write_bytes(data)
    (scratch / COMPLETE).write_bytes(complete({one.key: one.data for one in written} | beside))
    return report, lines


def _pem(keys: Mapping[str, ec.EllipticCurvePublicKey]) -> bytes:
    return b"".join(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for key in keys.values())


def _records(target: Target, bucket: Bucket, part: Part) -> list[File]:
    prefixes = prefixes_of(target, part.device) if part.device is not None else ["records/"]
    wanted = [key for prefix in prefixes for key, kept_at in bucket.listing(prefix) if part.holds(kept_at)]
    return with_what_came_before(bucket, list(bucket.read(wanted)))


def _others(bucket: Bucket, part: Part, records: Sequence[File]) -> list[File]:
    """The trail and manifests of the requested days, and the manifests that list the records. For one device, no trail."""
    trail = [] if part.device is not None else [key for key, kept_at in bucket.listing("trail/") if part.holds(kept_at)]
    days = {manifest.key_of(found.kept_at.astimezone(UTC).date()) for found in records}
    listed = [key for key, _ in bucket.listing("manifests/") if key in days or _is_of(key, part)]
    return list(bucket.read([*trail, *listed]))


def _is_of(key: str, part: Part) -> bool:
    """Whether a manifest is of a requested day. One whose key has no day is exported only if no days were requested."""
    day = manifest.last_day([key], before=date.max)
    return not part.of_days if day is None else part.holds_day(day)


def _line(file: File) -> Line:
    made = readable(file.data)
    if made is None:
        return Line(key=file.key, sha256=sha256(file.data))
    return Line(
        key=file.key,
        sha256=sha256(file.data),
        device=made.device,
        certificate_id=made.certificate_id,
        subject=subject_of(made),
        outcome=made.outcome,
        what=what(made),
        reason=made.reason,
        sealed_at=made.sealed_at,
        sections=tell(made),
    )


def _index(lines: Sequence[Line], part: Part, keys: jws.Keys, at: datetime) -> bytes:
    records = [{key: value for key, value in msgspec.to_builtins(line).items() if key != "sections"} for line in lines]
    index = {
        "format": FORMAT,
        "exported_at": at,
        "partial": part.partial,
        "scope": part,
        "public_keys": list(keys),
        "vote_keys": list(keys.of_votes),
        "records": records,
    }
    return json_text(index).encode() + b"\n"


def _page(lines: Sequence[Line], part: Part, keys: jws.Keys, report: Report, at: datetime) -> str:
    """The page as HTML. A device may have chosen names and reasons, so the template escapes everything."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("gatehouse.evidence", "."), autoescape=True, undefined=StrictUndefined, finalize=_escaped
    )
    environment.filters["as_text"] = _as_text
    page = environment.get_template("page.html.j2")
    failed = {failure.key for failure in report.failures}
    return page.render(lines=lines, part=part, keys=keys, report=report, failed=failed, at=at)


def _escaped(value: object) -> object:
    """A text for the page, without characters that change the direction of other text. Line ends stay, for PEM and JSON."""
    return visible(value, lines=True) if type(value) is str else value


def _as_text(value: object) -> str:
    """A value as text. Structures become indented JSON."""
    match value:
        case None | [] | ():
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return in_utc(value)
        case list() | tuple() if all(isinstance(part, str) for part in value):
            return ", ".join(value)
        case dict() | list() | tuple():
            return json_text(value)
    return str(value)
