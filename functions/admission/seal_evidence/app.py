"""Sign the record of everything that the execution learned, then close the admission: there is no outcome without its evidence."""

from msgspec import Struct

from functions.admission.seal_evidence.closing import close, ensure_may_be_sealed
from functions.shared import chains
from functions.shared.admissions import Admissions
from functions.shared.clock import now
from functions.shared.handlers import step
from functions.shared.sealing import keep
from functions.shared.settings import limits, settings
from functions.shared.signing import Signer
from functions.shared.vault import Vault
from workflows.admission.contracts import Seal, SealInput
from workflows.evidence.record import device_of, latest_after, record


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    evidence_bucket: str
    signing_key_arn: str
    approvals_url: str
    code_version: str


@step(SealInput)
def handler(request: SealInput) -> Seal:
    """States *Seal evidence* and *Seal evidence of the end*.

    Repeatable: the record that was stored first stays valid. Raises `AdmissionNotOwned` before anything is written, `AwsUnavailable` or
    `AccessRefused` while KMS, S3 or DynamoDB does not accept it, `EvidenceConflict` if there is another record under this record's key,
    and `CertificateChanged` (→ Roll back) instead of sealing as admitted a certificate that was revoked since it was checked.
    """
    environment, certificate_id = settings(Settings), request.dossier.claim.certificate_id
    admissions, device = Admissions(environment.admissions_table), device_of(request.dossier)
    row = admissions.retain(certificate_id, request.execution)
    before = chains.of_certificate(row)
    built = record(
        request,
        at=now(),
        code_version=environment.code_version,
        previous=before,
        device_previous=chains.of_device(environment.admissions_table, device, certificate_id),
        trial=row.trial,
    )
    vault = Vault(environment.evidence_bucket)
    ensure_may_be_sealed(built, row, vault)
    sealed, link = keep(built, vault, Signer(environment.signing_key_arn, environment.approvals_url))
    seal = Seal(
        evidence_key=link.key,
        evidence_sha256=link.sha256,
        sealed_at=sealed.sealed_at,
        reopen_at=limits().reopen.reopens_at(request.outcome, sealed.sealed_at),
        trial=sealed.trial,
    )
    close(admissions, request, seal, sealed.device, latest_after(sealed, link, before))
    return seal
