"""Verification of what a person names: a file, an exported folder, a device, or the bucket."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from gatehouse.errors import NotFound
from gatehouse.evidence import folders
from gatehouse.evidence.files import FOLDERS, Bucket, File, prefixes_of, with_what_came_before
from gatehouse.stack.target import Target
from workflows import stored
from workflows.evidence import audit_trail, jws
from workflows.evidence.coverage import Part
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.failures import Failure, Report
from workflows.evidence.verify import verify


def public_keys(target: Target | None, given: Sequence[Path], for_votes: Sequence[Path] = ()) -> jws.Keys:
    """The keys to trust: those `given`, otherwise the ones the stack signs with, asked of KMS."""
    if given or for_votes or target is None:
        return jws.Keys(*_read(given), votes=_read(for_votes))
    return jws.Keys(_signing(target, "SigningKeyArn"), votes=[_signing(target, "VoteSigningKeyArn")])


def _read(paths: Sequence[Path]) -> list[ec.EllipticCurvePublicKey]:
    return [key for path in paths for key in jws.read_keys(path.read_bytes())]


def _signing(target: Target, output: str) -> ec.EllipticCurvePublicKey:
    return jws.read_key(target.client("kms").get_public_key(KeyId=target.output(output))["PublicKey"])


def of_file(path: Path, keys: jws.Keys) -> Report:
    """One file by itself: not its chain, which takes the files that it names.

    A trail entry is not signed by itself: the manifests that lie beside it in an exported folder have to list it.
    """
    data = folders.read_file(path)
    place = folders.place_of(path)
    key = place or _claimed_place(data)
    beside = folders.manifests_beside(path, key) if place else []
    report = verify([(key, data), *beside], keys, part=Part(prefix=key))
    failures = [one for one in report.failures if one.rule != "chain"]
    if report.unsigned:
        told = "A trail entry is not signed by itself, and no manifest beside it lists it: verify the folder that was exported."
        failures.append(Failure(key=key, rule="unsigned", message=told))
    return msgspec.structs.replace(report, failures=tuple(failures))


def of_folder(folder: Path, keys: jws.Keys, part: Part, due: date) -> Report:
    """An exported folder: everything, or the `part` that was asked for when it was exported. Raises `NotFound` if it holds no evidence.

    What the folder's own index says is not believed: nobody has signed it.
    """
    found = folders.Folder(folder)
    report = verify(found.files(), keys, part=part, due=due)
    failures = [*report.failures, *found.failures, *folders.unfinished(folder)]
    if part.device is not None and not found.tells_of(part.device):
        told = f"No record of {part.device} is there."
        failures.append(Failure(key="records/", rule="manifest", message=told))
    return msgspec.structs.replace(report, failures=tuple(sorted(failures)))


def of_device(target: Target, name: str, keys: jws.Keys) -> tuple[list[File], Report]:
    """A device's records, or a certificate's, with those before them; and whether they verify. Raises `NotFound`."""
    return _below(Bucket(target), prefixes_of(target, name), name, keys)


def of_bucket(target: Target, prefix: str | None, keys: jws.Keys, due: date) -> Report:
    """Everything in the bucket, or what lies below `prefix` with the records before it. Raises `NotFound`."""
    bucket = Bucket(target)
    if prefix is not None:
        return _below(bucket, [prefix], prefix, keys, due)[1]
    everything = [key for key, _ in bucket.listing()]
    if not everything:
        raise NotFound("The bucket is empty: no admission has ended yet, or all evidence is gone.")
    report = verify(((found.key, found.data) for found in bucket.read(everything)), keys, due=due)
    return msgspec.structs.replace(report, failures=tuple(sorted((*report.failures, *bucket.failures))))


def _below(
    bucket: Bucket, prefixes: Sequence[str], name: str, keys: jws.Keys, due: date | None = None
) -> tuple[list[File], Report]:
    found = list(bucket.read([key for prefix in prefixes for key, _ in bucket.listing(prefix)]))
    if not found:
        raise NotFound(
            f"Nothing is sealed of {name!r}. Expected a file, a folder, or a prefix such as records/<certificate id>/."
        )
    records = with_what_came_before(bucket, found)
    manifests = bucket.read([key for key, _ in bucket.listing("manifests/")])
    files = {one.key: one.data for one in (*records, *manifests)}
    part = Part(prefix=prefixes[0]) if len(prefixes) == 1 else Part(device=name)
    report = verify(files.items(), keys, part=part, due=due)
    return records, msgspec.structs.replace(report, failures=tuple(sorted((*report.failures, *bucket.failures))))


def _claimed_place(data: bytes) -> str:
    """The key that a file by itself says it has; if it does not, that of a record, so that its faults are named."""
    for read in (audit_trail.parse, _sealed):
        try:
            return read(data).key
        except (EvidenceInvalid, stored.Unreadable):
            continue
    return FOLDERS[0]


class _Keyed(msgspec.Struct):
    key: str


def _sealed(data: bytes) -> _Keyed:
    return stored.read(jws.parse(data)[1], _Keyed)
