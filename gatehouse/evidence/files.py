"""The files in the stack's evidence bucket."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple

from gatehouse.admission import admissions
from gatehouse.errors import NotFound
from gatehouse.stack import objects
from gatehouse.stack.target import Target
from workflows import stored
from workflows.evidence import jws, record
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.failures import Failure
from workflows.evidence.record import Record

FOLDERS = ("records/", "manifests/", "trail/")
_READERS = 16


def most_octets(key: str) -> int:
    """The largest size of a file with this key. A manifest may be larger, since it names each file of a day."""
    return jws.MAX_OCTETS if key.startswith("manifests/") else stored.MAX_OCTETS


class File(NamedTuple):
    """One file, its key in the bucket, and the time when S3 stored it."""

    key: str
    data: bytes
    kept_at: datetime


class Bucket:
    """The evidence bucket of a stack. Files that are too large to read are in `failures`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._s3 = target.client("s3")
        self._bucket = target.output("EvidenceBucket")
        self.failures: list[Failure] = []

    def listing(self, prefix: str = "") -> Iterator[tuple[str, datetime]]:
        """Every key that begins with `prefix`, with the time when S3 stored it."""
        for key, kept_at in objects.listing(self._target, "EvidenceBucket", prefix):
            if key.startswith(FOLDERS):
                yield key, kept_at

    def read(self, keys: Sequence[str]) -> Iterator[File]:
        """The files of `keys`, in this order. A missing file is left out; the verification reports it."""
        with ThreadPoolExecutor(_READERS) as readers:
            yield from (found for found in readers.map(self._read, keys) if found is not None)

    def _read(self, key: str) -> File | None:
        try:
            answer: Any = self._s3.get_object(Bucket=self._bucket, Key=key)
        except self._s3.exceptions.NoSuchKey:
            return None
        if answer["ContentLength"] > most_octets(key):
            message = (
                f"It has {answer['ContentLength']:,} octets; expected at most {most_octets(key):,}. It was not read."
            )
            self.failures.append(Failure(key=key, rule="format", message=message))
            return None
        return File(key, answer["Body"].read(), answer["LastModified"])


def readable(data: bytes) -> Record | None:
    """The record in a file, not verified; None if it is not a record."""
    try:
        return record.parse(jws.parse(data)[1])
    except EvidenceInvalid:
        return None


def with_what_came_before(bucket: Bucket, files: Sequence[File]) -> list[File]:
    """`files` and all earlier records of their chains, as far as the bucket has them."""
    known = {found.key: found for found in files}
    due = list(files)
    while due:
        made = [readable(found.data) for found in due]
        links = {link.key for one in made if one for link in (one.previous, one.device_previous) if link}
        links = {key for key in links if key.startswith("records/")}  # an unverified record may name anything
        due = list(bucket.read(sorted(links - known.keys())))
        known |= {found.key: found for found in due}
    return [known[key] for key in sorted(known)]


def prefixes_of(target: Target, name: str) -> list[str]:
    """The prefixes of the records of a device or certificate. Raises `NotFound`."""
    if re.fullmatch(r"[0-9a-f]{64}", name):
        return [f"records/{name}/"]
    found = admissions.list_newest(target, device=name, limit=1000)
    if not found:
        raise NotFound(
            f"No admission has the device {name!r}. Use the certificate's id if it matched no device: "
            "`gatehouse admissions list` shows the ids."
        )
    return [f"records/{one.certificate_id}/" for one in found]
