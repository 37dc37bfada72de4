"""Sign the record of everything the execution learned, and close the admission with it: no outcome without its evidence."""

from typing import Any

from msgspec import Struct

from functions.shared import chains
from functions.shared.admissions import Admissions, ensure_not_revoked
from functions.shared.clock import now
from functions.shared.observability import observed
from functions.shared.sealing import keep
from functions.shared.settings import limits, settings
from functions.shared.signing import Signer
from functions.shared.vault import Vault
from workflows.admission import contracts
from workflows.admission.contracts import Seal, SealInput
from workflows.evidence.record import device_of, record


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    evidence_bucket: str
    signing_key_arn: str
    approvals_url: str
    code_version: str


@observed
def handler(event: Any, _context: Any) -> Any:
    """States *Seal evidence* and *Seal evidence of the end*. Input: SealInput; output: Seal.

    Repeatable: the record that was stored first stands. Raises `AdmissionNotOwned` before anything is written, `AwsUnavailable` or
    `AccessRefused` while KMS, S3 or DynamoDB will not have it, `EvidenceConflict` if another record lies in this one's place, and
    `CertificateChanged` (→ Roll back) before it seals that a certificate is admitted which was revoked since it was checked.
    """
    request = contracts.read(SealInput, event)
    used = settings(Settings)
    admissions, certificate_id = Admissions(used.admissions_table), request.dossier.claim.certificate_id
    row, device = admissions.retain(certificate_id, request.execution), device_of(request.dossier)
    latest = chains.of_certificate(row)
    built = record(
        request,
        at=now(),
        code_version=used.code_version,
        previous=latest,
        device_previous=chains.of_device(used.admissions_table, device, certificate_id),
        trial=row.trial,
    )
    vault = Vault(used.evidence_bucket)
    if request.outcome == "admitted" and not (
        row.revoked_by and vault.has(built.key)
    ):  # what was sealed in time stands
        ensure_not_revoked(row)
    kept, link = keep(built, vault, Signer(used.signing_key_arn, used.approvals_url))
    gone_on = kept is not built and latest not in (kept.previous, None)  # from it, while the execution stood failed
    head = latest if gone_on and latest is not None else link
    wait = limits().reopen.wait_after(request.outcome)
    reopen_at = None if wait is None else kept.sealed_at + wait
    admissions.close(
        certificate_id,
        request.execution,
        outcome=request.outcome,
        reason=request.reason,
        reopen_at=reopen_at,
        trial=kept.trial,
        evidence_key=head.key,
        evidence_sha256=head.sha256,
        device=kept.device,
        at=kept.sealed_at,
    )
    return contracts.write(
        Seal(
            evidence_key=link.key,
            evidence_sha256=link.sha256,
            sealed_at=kept.sealed_at,
            reopen_at=reopen_at,
            trial=kept.trial,
        )
    )
