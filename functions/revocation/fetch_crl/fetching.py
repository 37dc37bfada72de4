"""Fetch one source, if it is due, from its first address that works. A new list is handed in like any other list."""

import hashlib
import time
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from functions.revocation.fetch_crl.addresses import Reach
from functions.revocation.fetch_crl.download import Downloaded, Known, NotFetchedError, download
from functions.shared import objects
from functions.shared.observability import logger
from workflows import stored
from workflows.moments import Moment
from workflows.revocation.sources import Source


class Memory(Struct, frozen=True, kw_only=True):
    """What is stored of the last success. An ETag belongs to one server, so it is used only for the address that gave it."""

    fetched_at: Moment
    address: str
    sha256: str
    known: Known


SECONDS: Final = 60
"""The most for one address."""


def fetch(bucket: str, source: Source, at: datetime, *, max_size: int, reach: Reach, share: float = SECONDS) -> str:
    """Returns ``waiting``, ``unchanged``, ``handed in`` or ``failed``. Raises `AwsUnavailable`, `AccessRefused`.

    `share` is the seconds that all its addresses may take together; a slow address does not use up the time of the others.
    """
    key = f"fetched/{hashlib.sha256(msgspec.json.encode([source.ca, source.addresses])).hexdigest()}.json"
    stored = objects.read(bucket, key)
    last = None if stored is None else _remembered(key, stored.data)
    if last is not None and at - last.fetched_at < timedelta(minutes=source.every_minutes):
        return "waiting"
    until = time.monotonic() + share
    for left, address in zip(range(len(source.addresses), 0, -1), source.addresses, strict=True):
        known = last.known if last is not None and last.address == address else Known()
        try:
            seconds = min(SECONDS, max(0.0, until - time.monotonic()) / left)
            downloaded = download(address, known, max_size=max_size, reach=reach, seconds=seconds)
        except NotFetchedError as error:
            logger.warning("not fetched", extra={"ca": source.ca, "address": address, "why": str(error)})
            continue
        sha256, new = _compare(downloaded, last)
        if (
            new and downloaded.data is not None
        ):  # handed in first: after a crash in between it is handed in again, which does no harm
            incoming = f"incoming/{source.ca}/fetched-{at:%Y%m%dT%H%M%S}-{sha256[:12]}.crl"
            objects.write(bucket, incoming, downloaded.data, "application/pkix-crl")
        memory = Memory(fetched_at=at, address=address, sha256=sha256, known=downloaded.known)
        objects.write(bucket, key, msgspec.json.encode(memory), "application/json")
        return "handed in" if new else "unchanged"
    return "failed"


def _remembered(key: str, data: bytes) -> Memory | None:
    try:
        return stored.read(data, Memory)
    except stored.Unreadable as error:
        logger.warning("%s cannot be read, so the list is fetched again: %s", key, error)
        return None


def _compare(downloaded: Downloaded, last: Memory | None) -> tuple[str, bool]:
    """Returns the SHA-256 of the server's list, and whether the list is new. A server without ETags sends the same list every time."""
    if downloaded.data is None:
        return (last.sha256 if last is not None else ""), False
    sha256 = hashlib.sha256(downloaded.data).hexdigest()
    return sha256, last is None or sha256 != last.sha256
