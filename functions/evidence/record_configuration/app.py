"""Write a change of rules, limits or policies to the audit trail, with the old and the new text."""

from typing import Literal

from msgspec import Struct

from functions.shared.audit_trail import AuditTrail
from functions.shared.clock import now
from functions.shared.handlers import triggered
from functions.shared.settings import CONFIGURATION, settings
from functions.shared.vault import Vault
from workflows import stored
from workflows.canonical import canonical

FOLDER = "configuration/"
"""Has the complete configuration texts that were in force, by the time at which they were noticed."""


class Settings(Struct, frozen=True, kw_only=True):
    evidence_bucket: str
    code_version: str


class Result(Struct, frozen=True, kw_only=True):
    """`files` are the names of files that differ from the texts before."""

    status: Literal["changed", "unchanged"]
    files: list[str]


@triggered
def handler() -> Result:
    """After each deployment, and every hour.

    The entry is written before the texts: after a crash in between, the next call writes the entry again. CloudTrail has who deployed.
    Raises `TrailUnavailable`, `AwsUnavailable`, `AccessRefused`: then an alarm is raised, and the next hour's call tries again.
    """
    environment, at = settings(Settings), now()
    vault = Vault(environment.evidence_bucket)
    texts, before = _texts(), _before(vault)
    changed = sorted(name for name in {*before, *texts} if before.get(name) != texts.get(name))
    if not changed:
        return Result(status="unchanged", files=[])
    AuditTrail(environment.evidence_bucket, "record_configuration").record(
        "configuration",
        "deploy",
        subject=", ".join(changed),
        actor=f"deployment of version {environment.code_version}",
        result="succeeded",
        old={name: before[name] for name in changed if name in before},
        new={name: texts[name] for name in changed if name in texts},
    )
    vault.keep(f"{FOLDER}{at:%Y-%m-%dT%H%M%S.%fZ}.json", canonical(texts), "application/json")
    return Result(status="changed", files=changed)


def _texts() -> dict[str, str]:
    """Returns the texts in force: each file of the configuration, by its path in the artifact."""
    return {
        path.relative_to(CONFIGURATION.parent).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(CONFIGURATION.rglob("*"))
        if path.is_file()
    }


def _before(vault: Vault) -> dict[str, str]:
    """Returns the texts that were recorded last; empty if none were recorded."""
    last = max((key for key, _ in vault.listing(FOLDER)), default=None)
    return stored.read(vault.read(last), dict[str, str]) if last else {}
