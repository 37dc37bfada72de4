"""The lists that are valid for an issuer's key, as its file of current lists names them: small ones whole, large ones by their index.

Nothing here returns "good". A list that cannot be read is an error. A damaged list goes unchanged to the checker, whose status is then
``unknown``.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from functions.shared import current_lists, objects
from functions.shared.observability import logger
from workflows.errors import AwsUnavailable, BadInput
from workflows.revocation import CheckedList, VerifiedList, verify_list
from workflows.revocation.current_lists import Current, index_key, list_key
from workflows.revocation.entries import Entry
from workflows.revocation.errors import CrlIndexUnusable, CrlStoreUnavailable
from workflows.revocation.index import IndexedList
from workflows.revocation.verified import ListMeta


class IssuerLists(NamedTuple):
    """The arguments for `workflows.revocation.check`."""

    lists: Sequence[bytes | CheckedList]
    last_numbers: dict[str, int]


class CrlStore:
    """The bucket's lists. `max_size` is in octets."""

    def __init__(self, bucket: str, max_size: int) -> None:
        self.bucket = bucket
        self.max_size = max_size

    def lists_for(self, issuer_key: str, issuer: x509.Certificate) -> IssuerLists:
        """Returns every current list of the issuer; none if none was published. Raises `CrlStoreUnavailable`, `AccessRefused`.

        A list above the limit is not skipped: without it, a list of another scope could say "good" where the skipped one says "revoked".
        """
        try:
            current = current_lists.load(self.bucket, issuer_key)
            return IssuerLists([self._open(one, issuer) for one in current.slots.values()], current.last_numbers())
        except (AwsUnavailable, BadInput) as error:
            raise CrlStoreUnavailable(str(error)) from error

    def _open(self, one: Current, issuer: x509.Certificate) -> bytes | CheckedList:
        key = list_key(one.record)
        if one.record.size > self.max_size:
            raise CrlStoreUnavailable(
                f"{key} has {one.record.size} bytes; expected at most {self.max_size}. Raise max_size_mb in config/limits.toml."
            )
        if one.index_head is not None:
            try:
                return _Indexed(self.bucket, one, issuer)
            except CrlIndexUnusable as error:
                _report(key, error)
        return read_list(self.bucket, one, issuer)


class _Indexed:
    """A large list that is searched by its index, and in the list itself once the index cannot be used."""

    def __init__(self, bucket: str, one: Current, issuer: x509.Certificate) -> None:
        self._bucket = bucket
        self._current = one
        self._issuer = issuer
        self._index = _indexes.get(one.record.sha256) or _open_index(bucket, one)

    @property
    def meta(self) -> ListMeta:
        return self._index.meta

    def find(self, serial: bytes) -> list[Entry]:
        """Raises `CrlStoreUnavailable` if neither the index nor the list can be read."""
        try:
            return self._index.find(serial)
        except CrlIndexUnusable as error:
            _indexes.pop(self._current.record.sha256)
            _report(index_key(self._current.record), error)
            return self._whole.find(serial)
        except AwsUnavailable as error:
            raise CrlStoreUnavailable(str(error)) from error

    @cached_property
    def _whole(self) -> VerifiedList:
        whole = read_list(self._bucket, self._current, self._issuer)
        if not isinstance(whole, VerifiedList) or whole.meta.sha256 != self.meta.sha256:
            raise CrlStoreUnavailable(
                f"{list_key(self._current.record)} is damaged, and so is its index. Publish the CA's list again."
            )
        return whole


def read_list(bucket: str, one: Current, issuer: x509.Certificate) -> bytes | VerifiedList:
    """Returns the list, verified; its bytes if it does not verify. Raises `CrlStoreUnavailable` if it is missing, `AwsUnavailable`."""
    warm = _verified.get((one.record.sha256, issuer.fingerprint(SHA256())))
    if warm is not None:
        return warm
    stored = objects.read(bucket, list_key(one.record))
    if stored is None:
        raise CrlStoreUnavailable(f"{list_key(one.record)} is not in the bucket. Publish the CA's list again.")
    verified = verify_list(stored.data, issuer)
    if not isinstance(verified, VerifiedList) or verified.meta.sha256 != one.record.sha256:
        return stored.data
    _verified.put((one.record.sha256, issuer.fingerprint(SHA256())), verified, one.record.size)
    return verified


def _open_index(bucket: str, one: Current) -> IndexedList:
    record = one.record
    index = IndexedList(
        lambda offset, length: objects.read_part(bucket, index_key(record), offset, length),
        lambda offset, length: objects.read_part(bucket, list_key(record), offset, length),
        list_sha256=record.sha256,
        head_sha256=one.index_head,
    )
    _indexes.put(record.sha256, index, _INDEX_OCTETS)
    return index


def _report(key: str, error: CrlIndexUnusable) -> None:
    logger.warning("%s: %s; searching the list itself", key, error)


K = TypeVar("K")
V = TypeVar("V")


class _Warm(Generic[K, V]):
    """A cache of at most `octets`; the least recently used entry is removed first. Entries never change: their keys are hashes."""

    def __init__(self, octets: int) -> None:
        self._octets = octets
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def put(self, key: K, value: V, octets: int) -> None:
        self._kept[key] = value, octets
        while sum(size for _, size in self._kept.values()) > self._octets and len(self._kept) > 1:
            self._kept.popitem(last=False)

    def pop(self, key: K) -> None:
        self._kept.pop(key, None)

    def clear(self) -> None:
        self._kept.clear()


_INDEX_OCTETS = 1_500_000
"""The most that is cached of one index."""
_verified: "_Warm[tuple[str, bytes], VerifiedList]" = _Warm(64_000_000)
_indexes: "_Warm[str, IndexedList]" = _Warm(48_000_000)


def forget() -> None:
    """What a cold start does."""
    _verified.clear()
    _indexes.clear()
