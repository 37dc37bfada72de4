"""Revoke one certificate: set it REVOKED in AWS IoT, seal the act, put the event for programs, close the admission."""

from msgspec import Struct

from functions.shared import certificates, chains, clock
from functions.shared.admissions import chain, revocation
from functions.shared.event_bus import EventBus
from functions.shared.handlers import step
from functions.shared.observability import count
from functions.shared.sealing import keep
from functions.shared.settings import limits, settings
from functions.shared.signing import Signer
from functions.shared.turns import Turns
from functions.shared.vault import Vault
from workflows.admission.errors import CertificateUnknown
from workflows.events import CertificateRevoked
from workflows.evidence.record import revoked
from workflows.revocation.sweep import AuthorityItem, Revoked, RevokeInput, read_item


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    turns_table: str
    evidence_bucket: str
    signing_key_arn: str
    approvals_url: str
    event_bus_name: str
    code_version: str


@step(RevokeInput)
def handler(request: RevokeInput) -> Revoked:
    """State *Revoke certificate*. Repeatable after a crash anywhere in between.

    The mark comes first: from then on an open admission can no longer activate the certificate. If its CA was revoked, the certificate is
    set REVOKED at once even if the admission is open, and sealed once the admission has ended. Raises AdmissionStillOpen and
    RevocationUnderWay (retried), TurnLost (→ Take turn), AwsUnavailable, AccessRefused, EvidenceConflict.
    """
    environment, at = settings(Settings), clock.now()
    item, table = read_item(request.item), environment.admissions_table
    outcome = revocation.mark(table, item, request.execution, at)
    if outcome is None:
        return Revoked(certificate_id=item.certificate_id, status="unchanged")
    Turns(environment.turns_table, limits().pacing).ensure("sweep", request.turn_at, at)
    note = _set_revoked(item.certificate_id)
    if outcome == "open" and isinstance(item, AuthorityItem):
        revocation.note_revoked(table, item, at)
        raise revocation.still_open(item)  # its execution writes the chain until the admission has ended
    head = chains.head(table, item.certificate_id)
    assert head is not None  # noqa: S101 - it was marked a moment ago, and rows are never deleted
    made = revoked(item, head.device, at=at, code_version=environment.code_version, previous=head.link, note=note)
    kept, link = keep(
        made, Vault(environment.evidence_bucket), Signer(environment.signing_key_arn, environment.approvals_url)
    )
    chain.advance(table, item.certificate_id, head, link)
    EventBus(environment.event_bus_name).put(
        CertificateRevoked(item=item, device=head.device, evidence_key=kept.key), request.execution.arn
    )
    revocation.close(table, item, at)
    count("CertificateRevoked")
    return Revoked(certificate_id=item.certificate_id, status="revoked", evidence_key=kept.key, note=note)


def _set_revoked(certificate_id: str) -> str:
    """Returns what was unusual about it."""
    try:
        certificates.set_status(certificate_id, "REVOKED")
    except CertificateUnknown:
        return "The certificate is not in AWS IoT any more; there was nothing to set."
    return ""
