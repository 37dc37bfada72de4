"""One source: is it due, which address answers, and is what it gives new? Then it is handed in like any other list."""

import hashlib
from datetime import datetime, timedelta

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
    """What is kept of the last success. An ETag is the server's own: it is used for the address that gave it, and no other."""

    fetched_at: Moment
    address: str
    sha256: str
    known: Known


def fetch(bucket: str, source: Source, at: datetime, *, max_size: int, reach: Reach) -> str:
    """``waiting``, ``unchanged``, ``handed in`` or ``failed``. Raises `AwsUnavailable`, `AccessRefused`."""
    key = f"fetched/{hashlib.sha256(msgspec.json.encode([source.ca, source.addresses])).hexdigest()}.json"
    kept = objects.read(bucket, key)
    last = _remembered(kept)
    if last is not None and at - last.fetched_at < timedelta(minutes=source.every_minutes):
        return "waiting"
    for address in source.addresses:
        known = last.known if last is not None and last.address == address else Known()
        try:
            found = download(address, known, max_size=max_size, reach=reach)
        except NotFetchedError as error:
            logger.warning("not fetched", extra={"ca": source.ca, "address": address, "why": str(error)})
            continue
        sha256, new = _compare(found, last)
        if new and found.data is not None:  # handed in first: a crash in between hands it in again, which does no harm
            incoming = f"incoming/{source.ca}/fetched-{at:%Y%m%dT%H%M%S}-{sha256[:12]}.crl"
            objects.write(bucket, incoming, found.data, "application/pkix-crl")
        memory = Memory(fetched_at=at, address=address, sha256=sha256, known=found.known)
        objects.write(bucket, key, msgspec.json.encode(memory), "application/json")
        return "handed in" if new else "unchanged"
    return "failed"


def _remembered(kept: objects.Found | None) -> Memory | None:
    """What cannot be read is forgotten: the list is then fetched again, which does no harm."""
    try:
        return None if kept is None else stored.read(kept.data, Memory)
    except stored.Unreadable as error:
        logger.warning("what is kept of the last fetch cannot be read", extra={"why": str(error)})
        return None


def _compare(found: Downloaded, last: Memory | None) -> tuple[str, bool]:
    """The SHA-256 of what lies there, and whether it is new. A server that knows no ETag sends the same list every time."""
    if found.data is None:
        return (last.sha256 if last is not None else ""), False
    sha256 = hashlib.sha256(found.data).hexdigest()
    return sha256, last is None or sha256 != last.sha256
