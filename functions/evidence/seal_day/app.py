"""Sign a list of each finished day's records, so that a lost record is noticed even if its device is unknown."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date
from typing import Literal

from msgspec import Struct

from functions.shared.clock import now
from functions.shared.handlers import triggered
from functions.shared.observability import count
from functions.shared.settings import settings
from functions.shared.signing import Signer
from functions.shared.vault import AlreadyKept, Vault
from workflows.canonical import canonical, sha256
from workflows.evidence import jws
from workflows.evidence.manifest import COVERED, due, key_of, last_day, manifest
from workflows.evidence.record import Link

READERS = 16


class Settings(Struct, frozen=True, kw_only=True):
    evidence_bucket: str
    signing_key_arn: str
    approvals_url: str
    code_version: str


class Sealed(Struct, frozen=True, kw_only=True):
    status: Literal["sealed"] = "sealed"
    days: list[date]


@triggered
def handler() -> Sealed:
    """Every night. Seals all days since the last manifest, so that the next night also does the work of a night that failed.

    Raises `AwsUnavailable`, `AccessRefused`: then an alarm is raised, and the next night's call tries again.
    """
    environment, at = settings(Settings), now()
    vault, signer = Vault(environment.evidence_bucket), Signer(environment.signing_key_arn, environment.approvals_url)
    by_day = _keys_by_day(vault)
    sealed = last_day((key for key, _ in vault.listing("manifests/")), before=at.date())
    previous = Link(key=key_of(sealed), sha256=vault.sha256(key_of(sealed))) if sealed else None
    days = due(sealed, min(by_day, default=None), at.date())
    for day in days:
        hashes = _hashes(vault, by_day[day])
        made = manifest(day, hashes, at=at, code_version=environment.code_version, previous=previous)
        data = _keep(vault, made.key, signer.seal(jws.MANIFEST, canonical(made)))
        previous = Link(key=made.key, sha256=sha256(data))
        count("DaySealed")
    return Sealed(days=days)


def _keys_by_day(vault: Vault) -> defaultdict[date, list[str]]:
    """Returns the keys of the files that a manifest covers, by the day on which they were stored (UTC); a day without files has none."""
    by_day = defaultdict[date, list[str]](list)
    for folder in COVERED:
        for key, kept_at in vault.listing(folder):
            by_day[kept_at.astimezone(UTC).date()].append(key)
    return by_day


def _hashes(vault: Vault, keys: list[str]) -> dict[str, str]:
    with ThreadPoolExecutor(READERS) as readers:
        return dict(zip(keys, readers.map(vault.sha256, keys), strict=True))


def _keep(vault: Vault, key: str, data: bytes) -> bytes:
    """Returns the stored file: if another run stored it first, the chain continues from that file."""
    try:
        vault.keep(key, data)
    except AlreadyKept:
        return vault.read(key)
    return data
