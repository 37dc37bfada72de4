"""The audit trail, as functions write it: each entry is one file in the evidence bucket, where files can only be added."""

import secrets
from typing import Any

from functions.shared.clock import now
from functions.shared.observability import count
from functions.shared.vault import Vault
from workflows.canonical import canonical
from workflows.evidence import audit_trail
from workflows.evidence.errors import TrailUnavailable


class AuditTrail:
    """`source` is the function that writes. If an entry cannot be written, an alarm is raised and the act must not happen."""

    def __init__(self, bucket: str, source: str) -> None:
        self._vault = Vault(bucket)
        self._source = source

    def record(
        self,
        category: audit_trail.Category,
        type: str,  # noqa: A002 - CR 2.8 calls it so
        *,
        subject: str,
        actor: str,
        result: audit_trail.Result,
        reason: str = "",
        old: dict[str, Any] | None = None,
        new: dict[str, Any] | None = None,
        id: str | None = None,  # noqa: A002
    ) -> str:
        """Write one entry. Returns its `id`, which the entry for the result also has. Raises `TrailUnavailable`."""
        made = audit_trail.entry(
            at=now(),
            source=self._source,
            actor=actor,
            category=category,
            type=type,
            id=id or secrets.token_hex(16),
            subject=subject,
            result=result,
            reason=reason,
            old=old,
            new=new,
        )
        try:
            self._vault.keep(made.key, canonical(made), "application/json")
        except Exception as error:
            count("TrailNotWritten")
            raise TrailUnavailable(
                f"The audit trail could not be written, so {type} of {subject} was not carried out: {error}"
            ) from error
        return made.id
