"""Verification of what a person names: a file, an exported folder, a device, or the bucket."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from gatehouse.errors import NotFound
from gatehouse.evidence.files import FOLDERS, Bucket, File, prefixes_of, with_what_came_before
from gatehouse.target import Target
from workflows.errors import BadInput
from workflows.evidence import jws
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.verify import Report, verify

INDEX = "index.json"


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
    """One sealed file by itself: not its chain, which takes the files that it names."""
    data = path.read_bytes()
    report = verify([(_place_of(path) or _claimed_place(data), data)], keys, partial=True)
    return msgspec.structs.replace(report, failures=tuple(one for one in report.failures if one.rule != "chain"))


def of_folder(folder: Path, keys: jws.Keys) -> Report:
    """An exported folder. Raises `NotFound` if it holds no evidence."""
    return verify(_files(folder), keys, partial=_is_partial(folder))


def of_device(target: Target, name: str, keys: jws.Keys) -> tuple[list[File], Report]:
    """A device's records, or a certificate's, with those before them; and whether they verify. Raises `NotFound`."""
    return _below(Bucket(target), prefixes_of(target, name), name, keys)


def of_bucket(target: Target, prefix: str | None, keys: jws.Keys) -> Report:
    """Everything in the bucket, or what lies below `prefix` with the records before it. Raises `NotFound`."""
    bucket = Bucket(target)
    if prefix is not None:
        return _below(bucket, [prefix], prefix, keys)[1]
    everything = [key for key, _ in bucket.listing()]
    if not everything:
        raise NotFound("The bucket is empty: no admission has ended yet, or all evidence is gone.")
    return verify(((found.key, found.data) for found in bucket.read(everything)), keys)


def _below(bucket: Bucket, prefixes: Sequence[str], name: str, keys: jws.Keys) -> tuple[list[File], Report]:
    found = list(bucket.read([key for prefix in prefixes for key, _ in bucket.listing(prefix)]))
    if not found:
        raise NotFound(
            f"Nothing is sealed of {name!r}. Expected a file, a folder, or a prefix such as records/<certificate id>/."
        )
    records = with_what_came_before(bucket, found)
    manifests = bucket.read([key for key, _ in bucket.listing("manifests/")])
    files = {one.key: one.data for one in (*records, *manifests)}
    return records, verify(files.items(), keys, partial=True)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    found = sorted(path for kind in FOLDERS for path in (folder / kind).rglob("*.json"))
    if not found:
        raise NotFound(f"{folder} holds no evidence: expected a folder that `gatehouse evidence export` wrote.")
    return ((path.relative_to(folder).as_posix(), path.read_bytes()) for path in found)


def _place_of(path: Path) -> str | None:
    """The key that a file of an exported folder has; None for a file that was taken out of its folder."""
    parts = path.resolve().parts
    places = [number for number, part in enumerate(parts) if f"{part}/" in FOLDERS]
    return "/".join(parts[places[-1] :]) if places else None


def _claimed_place(data: bytes) -> str:
    """The key that a file by itself says it has; if it does not, that of a record, so that its faults are named."""
    try:
        return str(msgspec.json.decode(jws.parse(data)[1])["key"])
    except (EvidenceInvalid, msgspec.MsgspecError, KeyError, TypeError):
        return FOLDERS[0]


def _is_partial(folder: Path) -> bool:
    """Whether the folder's index says that it holds only some devices' or days' records."""
    index = folder / INDEX
    if not index.exists():
        return False
    try:
        return bool(msgspec.json.decode(index.read_bytes())["partial"])
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise BadInput(
            f"{index} cannot be read: {error}. Export again, or remove it to have the folder checked as a whole."
        ) from error
