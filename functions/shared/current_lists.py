"""The files of current lists in the bucket of lists: read, and replaced in one atomic step."""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from functions.shared import objects
from functions.shared.objects import ChangedMeanwhile
from workflows.errors import AwsUnavailable
from workflows.revocation import current_lists
from workflows.revocation.current_lists import CurrentLists

_TRIES = 8
"""How many times another writer of the same file may be first. Each list and each sweep has one writer."""


def load(bucket: str, issuer_key: str) -> CurrentLists:
    """Returns the current lists of this key; no slots if none was ever published. Raises `CurrentListsInvalid`, `AwsUnavailable`."""
    return _load(bucket, issuer_key)[0]


def change(bucket: str, issuer_key: str, how: Callable[[CurrentLists], CurrentLists]) -> CurrentLists:
    """Replace the file with what `how` returns; `how` may run again. Raises what `how` raises, `CurrentListsInvalid`, `AwsUnavailable`."""
    for _ in range(_TRIES):
        before, found = _load(bucket, issuer_key)
        after = how(before)
        if after == before:
            return before
        try:
            objects.replace(
                bucket, current_lists.key_of(issuer_key), current_lists.write(after), "application/json", before=found
            )
        except ChangedMeanwhile:
            continue
        return after
    raise AwsUnavailable(
        f"{current_lists.key_of(issuer_key)} was written by others {_TRIES} times in a row; nothing was changed."
    )


def note_swept(bucket: str, issuer_key: str, slot: str, list_sha256: str) -> None:
    """Note that every certificate that this list revokes is processed. Then no sweep is due, unless a newer list is current by now."""

    def with_it(before: CurrentLists) -> CurrentLists:
        current = before.slots.get(slot)
        return before if current is None else before.having(slot, replace(current, swept=list_sha256))

    change(bucket, issuer_key, with_it)


def every(bucket: str) -> Iterator[CurrentLists]:
    """The current lists of every issuer key. Raises `CurrentListsInvalid`, `AwsUnavailable`, `AccessRefused`."""
    for key in objects.keys(bucket, "current/"):
        yield load(bucket, key.removeprefix("current/").removesuffix(".json"))


def _load(bucket: str, issuer_key: str) -> tuple[CurrentLists, objects.StoredObject | None]:
    found = objects.read(bucket, current_lists.key_of(issuer_key))
    return (CurrentLists(issuer_key=issuer_key) if found is None else current_lists.read(found.data, issuer_key)), found
