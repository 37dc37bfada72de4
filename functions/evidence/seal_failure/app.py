"""Seal that an execution failed. It is an end like any other, until the execution is redriven."""

from typing import Literal

import msgspec
from msgspec import Struct

from functions.shared import chains, trials
from functions.shared.admissions import chain
from functions.shared.clock import now
from functions.shared.handlers import on_event
from functions.shared.sealing import keep
from functions.shared.settings import settings
from functions.shared.signing import Signer
from functions.shared.vault import Vault
from workflows.admission import failure
from workflows.admission.contracts import Outcome
from workflows.admission.failure import EndedBadly
from workflows.canonical import sha256
from workflows.evidence import jws
from workflows.evidence.record import Link, execution_failed, key_of, parse


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    crl_bucket: str
    evidence_bucket: str
    signing_key_arn: str
    approvals_url: str
    code_version: str


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    status: Literal["sealed", "unchanged"]
    evidence_key: str = ""


@on_event(failure.read)
def handler(ended: EndedBadly) -> Result:
    """On *Step Functions Execution Status Change* to FAILED, TIMED_OUT or ABORTED. Repeatable: the record stored first stays valid.

    Nothing is sealed if there was no admission, if another execution owns it, or for a roll back, which has its own record.
    """
    certificate_id, environment = failure.certificate_of(ended), settings(Settings)
    head = chains.head(environment.admissions_table, certificate_id) if certificate_id else None
    ours = head is not None and head.execution_arn == ended.execution_arn
    if certificate_id is None or head is None or not ours or ended.error in (failure.ALREADY_TOLD, failure.SUPERSEDED):
        return Result(status="unchanged")
    vault = Vault(environment.evidence_bucket)
    head = _with_its_end(environment.admissions_table, certificate_id, head, key_of(certificate_id, ended.name), vault)
    made = execution_failed(
        ended,
        certificate_id,
        device=head.device,
        outcome="failed" if head.outcome == "open" else msgspec.convert(head.outcome, Outcome),
        at=now(),
        code_version=environment.code_version,
        previous=head.link,
        trial=head.trial or trials.proves(environment.crl_bucket, head.ca_certificate_id, certificate_id),
    )
    sealed, link = keep(made, vault, Signer(environment.signing_key_arn, environment.approvals_url))
    chain.advance(environment.admissions_table, certificate_id, head, link)
    return Result(status="sealed", evidence_key=sealed.key)


def _with_its_end(table: str, certificate_id: str, head: chains.Head, key: str, vault: Vault) -> chains.Head:
    """If *Seal evidence* stored the execution's record but failed before it closed the admission, adds that record to the chain first."""
    if not vault.has(key):
        return head
    data = vault.read(key)
    if parse(jws.parse(data)[1]).previous != head.link:
        return head  # the record is in the chain already
    link = Link(key=key, sha256=sha256(data))
    chain.advance(table, certificate_id, head, link)
    return msgspec.structs.replace(head, evidence_key=link.key, evidence_sha256=link.sha256)
