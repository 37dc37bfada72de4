"""One row of the admissions table, and the values that its attributes may have."""

from typing import Literal

from msgspec import Struct

from workflows.admission.errors import CertificateChanged
from workflows.moments import Moment

NEVER = 253_402_300_799_000
"""`reopen_at` of an admission that no knock starts again: 9999-12-31, in milliseconds as AWS IoT's ``timestamp()`` counts."""

OPEN = "open"

RETURN, ADMISSION = "return", "admission"
"""Values of `awaited`: a device that may connect has not connected yet; a held device is not admitted yet. Its index is sparse."""


class Admission(Struct, frozen=True, kw_only=True):
    """One row, with the attributes that functions need. `outcome` is ``open`` while an execution runs. `reopen_at` is in milliseconds."""

    certificate_id: str
    ca_certificate_id: str
    execution_arn: str
    claimed_at: Moment
    outcome: Literal["open", "admitted", "refused", "held", "failed"]
    reopen_at: int
    knocks: int = 0
    turn_at: Moment | None = None
    inspected_at: Moment | None = None
    reason: str = ""
    evidence_key: str | None = None
    evidence_sha256: str | None = None
    revoked_by: str | None = None
    """What revoked the certificate after it was checked: the SHA-256 of a list, or ``authority`` and the id of its CA."""
    closed_by: str | None = None
    """The same value, once a sweep has closed the admission for it: no execution owns it any more."""
    returned_at: Moment | None = None
    """When the device first connected after it was admitted."""
    trial: bool = False
    """The certificate's CA is a trial's: it is never admitted, and nobody waits for it."""


def ensure_not_revoked(row: Admission) -> None:
    """Called before each step that admits the device. Raises `CertificateChanged` if the certificate was revoked since it was checked."""
    if row.revoked_by is not None:
        raise CertificateChanged(
            f"{_named(row.revoked_by)} has revoked the certificate since it was checked: it is not admitted."
        )


def _named(revoked_by: str) -> str:
    """A list is a hash only, so it gets the word "List"; the text for a CA already has the word "authority"."""
    return revoked_by.capitalize() if revoked_by.startswith("authority ") else f"List {revoked_by}"
