"""Sign each finished day's list of what was kept, so that a lost record is noticed without knowing the device."""

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
    """Every night. Seals all days since the last manifest, so that a night that failed is made good by the next.

    Raises `AwsUnavailable`, `AccessRefused`: an alarm tells, and the next night tries again.
    """
    used = settings(Settings)
    vault, signer = Vault(used.evidence_bucket), Signer(used.signing_key_arn, used.approvals_url)
    moment = now()
    by_day: dict[date, list[str]] = defaultdict(list)
    for folder in COVERED:
        for key, kept_at in vault.kept(folder):
            by_day[kept_at.astimezone(UTC).date()].append(key)
    sealed = last_day((key for key, _ in vault.kept("manifests/")), before=moment.date())
    previous = Link(key=key_of(sealed), sha256=vault.sha256(key_of(sealed))) if sealed else None
    days = due(sealed, min(by_day, default=None), moment.date())
    for day in days:
        with ThreadPoolExecutor(READERS) as readers:
            hashes = dict(zip(by_day[day], readers.map(vault.sha256, by_day[day]), strict=True))
        made = manifest(day, hashes, at=moment, code_version=used.code_version, previous=previous)
        data = signer.seal(jws.MANIFEST, canonical(made))
        try:
            vault.keep(made.key, data)
        except AlreadyKept:  # another run was quicker; the chain goes on from what it kept
            data = vault.read(made.key)
        previous = Link(key=key_of(day), sha256=sha256(data))
        count("DaySealed")
    return Sealed(days=days)
