"""The manifests in the bucket of lists: read, and replaced in one atomic step."""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from functions.shared import objects
from functions.shared.objects import ChangedMeanwhile
from workflows.errors import AwsUnavailable
from workflows.revocation import manifest
from workflows.revocation.manifest import Manifest

_TRIES = 8
"""How often another writer of the same manifest may come first. There is one a list, and one a sweep."""


def load(bucket: str, issuer_key: str) -> Manifest:
    """What is current under this key; nothing, if nothing was ever published. Raises `ManifestInvalid`, `AwsUnavailable`."""
    return _load(bucket, issuer_key)[0]


def change(bucket: str, issuer_key: str, how: Callable[[Manifest], Manifest]) -> Manifest:
    """Replace the manifest by `how` of it; `how` may be asked again. Raises whatever `how` does, `ManifestInvalid`, `AwsUnavailable`."""
    for _ in range(_TRIES):
        before, found = _load(bucket, issuer_key)
        after = how(before)
        if after == before:
            return before
        try:
            objects.replace(
                bucket, manifest.key_of(issuer_key), manifest.write(after), "application/json", before=found
            )
        except ChangedMeanwhile:
            continue
        return after
    raise AwsUnavailable(
        f"{manifest.key_of(issuer_key)} was written by others {_TRIES} times in a row; nothing was changed."
    )


def note_swept(bucket: str, issuer_key: str, slot: str, list_sha256: str) -> None:
    """Nobody whom this list revokes is left. Unless a newer one has become current, nothing is owed any more."""

    def with_it(before: Manifest) -> Manifest:
        current = before.slots.get(slot)
        return before if current is None else before.having(slot, replace(current, swept=list_sha256))

    change(bucket, issuer_key, with_it)


def every(bucket: str) -> Iterator[Manifest]:
    """Every issuer key's. Raises `ManifestInvalid`, `AwsUnavailable`, `AccessRefused`."""
    for key in objects.keys(bucket, "current/"):
        yield load(bucket, key.removeprefix("current/").removesuffix(".json"))


def _load(bucket: str, issuer_key: str) -> tuple[Manifest, objects.StoredObject | None]:
    found = objects.read(bucket, manifest.key_of(issuer_key))
    return (Manifest(issuer_key=issuer_key) if found is None else manifest.read(found.data, issuer_key)), found
