"""Before and after the seal: no revoked certificate is sealed as admitted, and the admission's row names the sealed record."""

from functions.shared.admissions import Admission, Admissions, ensure_not_revoked
from functions.shared.vault import Vault
from workflows.admission.contracts import Seal, SealInput
from workflows.evidence.record import AdmissionRecord, Link


def ensure_may_be_sealed(built: AdmissionRecord, row: Admission, vault: Vault) -> None:
    """Raises `CertificateChanged` if an admitted certificate was revoked since it was checked. A record sealed before that stays valid."""
    if built.outcome == "admitted" and not (row.revoked_by and vault.has(built.key)):
        ensure_not_revoked(row)


def close(admissions: Admissions, request: SealInput, seal: Seal, device: str | None, latest: Link) -> None:
    """`latest` is the certificate's latest record; the next one is chained to it. Raises `AdmissionNotOwned`."""
    admissions.close(
        request.dossier.claim.certificate_id,
        request.execution,
        outcome=request.outcome,
        reason=request.reason,
        reopen_at=seal.reopen_at,
        trial=seal.trial,
        evidence_key=latest.key,
        evidence_sha256=latest.sha256,
        device=device,
        at=seal.sealed_at,
    )
