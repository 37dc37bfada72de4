"""The sealed record: why a device was admitted or not, complete enough to be checked without Gatehouse or AWS.

Format ``gatehouse.evidence/1``; its JSON Schema is ``record-1.schema.json`` beside this file. Fields are added with a default and
never renamed or removed, so that every later version can read every earlier record. A change that this rule forbids is a new format.

A record holds no secret: its types have no fields for task tokens and keys.
"""

import re
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct

from workflows import stored
from workflows.admission.contracts import Dossier, Execution, Outcome, SealInput
from workflows.admission.failure import EndedBadly
from workflows.canonical import decoder, storable
from workflows.evidence import jws
from workflows.evidence.acts import KINDS, Ask, Kind
from workflows.evidence.errors import EvidenceInvalid
from workflows.hashes import Sha256
from workflows.moments import Moment
from workflows.revocation.ca_revocation import AuthorityRevocation
from workflows.revocation.sweep import AuthorityItem, Item
from workflows.revocation.verdict import Verdict

FORMAT = "gatehouse.evidence/1"
Act = Literal["execution_failed", "revoked", "reopened", "redriven", "rolled_back", "forgotten", "closed", "unbound"]
"""What may be done to an admission after its execution has ended. A roll back is part of the admission's own record."""

_DONE: dict[Kind, Act] = {
    "reopen": "reopened",
    "forget": "forgotten",
    "redrive": "redriven",
    "close": "closed",
    "unbind": "unbound",
}


class Link(Struct, frozen=True, kw_only=True):
    """A link to another record: its key in the bucket, and the SHA-256 of its file."""

    key: str
    sha256: Sha256


class Head(Struct, frozen=True, kw_only=True):
    """The fields that every record has.

    `trial`: the certificate is of a trial's CA (`workflows.admission.trial`), and never admitted.

    `previous` is the record before this one for the same certificate, `device_previous` the latest for the same device under another
    certificate; None if there is none. `code_version` is the version that sealed it.
    """

    format: Literal["gatehouse.evidence/1"] = "gatehouse.evidence/1"
    key: str
    certificate_id: Sha256
    device: str | None
    reason: str
    sealed_at: Moment
    code_version: str
    previous: Link | None
    device_previous: Link | None
    trial: bool = False


class AdmissionRecord(Head, frozen=True, kw_only=True, tag_field="kind", tag="admission"):
    """The end of one execution. `event` is as AWS IoT published it; `dossier` holds the result of each state.

    `workflow_version` is that of the state machine's definition as this execution ran it.
    """

    outcome: Outcome
    execution: Execution
    workflow_version: str
    event: Any
    dossier: Dossier


class Operator(Struct, frozen=True, kw_only=True):
    """Who acted: AWS STS identified them by a request that they had signed. `user_id` is never used for a second identity.

    `ask_sha256` is the hash of the act that they asked for. Their signature covers it.
    """

    arn: str
    user_id: str
    signed_at: Moment
    ask_sha256: Sha256
    verified_by: Literal["sts:GetCallerIdentity"] = "sts:GetCallerIdentity"


class Change(Struct, frozen=True, kw_only=True):
    """What an operator's act changes; `execution` is the one that is redriven."""

    before: dict[str, Any]
    after: dict[str, Any]
    execution: Execution | None = None


class Chained(Protocol):
    """The end of a certificate's chain, as the sealer of the next record reads it."""

    @property
    def device(self) -> str | None: ...
    @property
    def outcome(self) -> str: ...
    @property
    def link(self) -> Link | None: ...
    @property
    def trial(self) -> bool: ...


class ActRecord(Head, frozen=True, kw_only=True, tag_field="kind", tag="act"):
    """A later act on an admission. `by` is the function, or the AWS identity of the operator, that acted.

    `outcome` is the admission's outcome from now on. `before` and `after` hold what changed, in AWS IoT or in Gatehouse's tables.
    `operator` is None where no person acted, or one whose identity is not proven to the function: `authority` names who revoked the CA,
    as the audit trail does.
    """

    act: Act
    by: str
    outcome: Outcome
    execution: Execution | None = None
    revocation: Verdict | None = None
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    operator: Operator | None = None
    authority: AuthorityRevocation | None = None


Record = AdmissionRecord | ActRecord


def key_of(certificate_id: str, name: str) -> str:
    """The key of a record: one folder for each certificate. `name` is the execution's, or an act's, and is never used twice."""
    return f"records/{certificate_id}/{name}.json"


def is_of_execution(name: str) -> bool:
    """Whether a record of this name is about the end of an execution, and not an act."""
    return not is_of_act(name) and re.match(r".*\.(failed|timed_out|aborted)-", name) is None


def is_of_act(name: str) -> bool:
    """Whether a record of this name is about an act after an admission's end."""
    return name.startswith(tuple(f"{kind}-" for kind in (*KINDS, "revoked")))


def device_of(dossier: Dossier) -> str | None:
    """The device that the inventory matched last, if any."""
    decision = dossier.device_again or dossier.device
    return decision.record.device if decision is not None and decision.record is not None else None


def is_of_trial(dossier: Dossier) -> bool:
    """Whether the certificate's CA was found to be a trial's."""
    return dossier.certificate is not None and dossier.certificate.facts is not None and dossier.certificate.facts.trial


def record(
    request: SealInput,
    *,
    at: datetime,
    code_version: str,
    previous: Link | None,
    device_previous: Link | None,
    trial: bool = False,
) -> AdmissionRecord:
    """The record of an execution's end. The same input gives the same record. `trial` is the admissions table's value."""
    certificate_id = request.dossier.claim.certificate_id
    return AdmissionRecord(
        key=key_of(certificate_id, request.execution.name),
        certificate_id=certificate_id,
        device=device_of(request.dossier),
        reason=request.reason,
        sealed_at=at,
        code_version=code_version,
        previous=previous,
        device_previous=device_previous,
        outcome=request.outcome,
        execution=request.execution,
        workflow_version=request.workflow_version,
        trial=trial or is_of_trial(request.dossier),
        event=storable(request.event),
        dossier=request.dossier,
    )


def execution_failed(
    ended: EndedBadly,
    certificate_id: str,
    *,
    device: str | None,
    outcome: Outcome,
    at: datetime,
    code_version: str,
    previous: Link | None,
    trial: bool = False,
) -> ActRecord:
    """The record of an execution that stopped. It may be redriven; the record of its end then comes after this one.

    `outcome` is what was sealed before it failed, or ``failed``. A second failure of the same execution is a record of its own.
    """
    return ActRecord(
        key=key_of(certificate_id, f"{ended.name}.{ended.status.lower()}-{ended.stop_date}"),
        certificate_id=certificate_id,
        device=device,
        reason=ended.fault,
        sealed_at=at,
        code_version=code_version,
        previous=previous,
        device_previous=None,
        act="execution_failed",
        by="AWS Step Functions",
        outcome=outcome,
        execution=ended.execution,
        after={"execution_status": ended.status},
        trial=trial,
    )


def revoked(
    item: Item | AuthorityItem,
    device: str | None,
    *,
    at: datetime,
    code_version: str,
    previous: Link | None,
    note: str = "",
) -> ActRecord:
    """The record of a revocation by a list after the admission, or with the certificate's CA. Each list and each CA has its own record."""
    verdict, authority = (item.verdict(), None) if isinstance(item, Item) else (None, item.authority)
    return ActRecord(
        key=revoked_key(item),
        certificate_id=item.certificate_id,
        device=device,
        reason=f"{item.reason()}. {note}".removesuffix(". "),
        sealed_at=at,
        code_version=code_version,
        previous=previous,
        device_previous=None,
        act="revoked",
        by="revoke_certificate",
        outcome="refused",
        revocation=verdict,
        after={"certificate_status": "REVOKED"},
        authority=authority,
    )


def revoked_key(item: Item | AuthorityItem) -> str:
    """The key of the record of this revocation."""
    return key_of(item.certificate_id, item.act)


def operated(ask: Ask, by: Operator, head: Chained, change: Change, *, at: datetime, code_version: str) -> ActRecord:
    """An operator's act, sealed before it is done. It was done if the chain continues from it."""
    return ActRecord(
        key=key_of(ask.certificate_id, f"{ask.act}-{ask.id}"),
        certificate_id=ask.certificate_id,
        device=ask.device or head.device,
        reason=ask.reason,
        sealed_at=at,
        code_version=code_version,
        previous=head.link,
        device_previous=None,
        act=_DONE[ask.act],
        by=by.arn,
        outcome="failed" if head.outcome == "open" else msgspec.convert(head.outcome, Outcome),
        execution=change.execution,
        before=change.before,
        after=change.after,
        operator=by,
        trial=head.trial,
    )


def latest_after(kept: Record, link: Link, before: Link | None) -> Link:
    """The latest record of the certificate once `kept` lies at `link`; `before` was the latest until now.

    `kept` may be what an earlier try stored. Then another record may have been chained to it since, and that one stays the latest.
    """
    return link if before is None or before == kept.previous else before


def says_the_same(one: Record, other: Record) -> bool:
    """Whether two records are about the same end or act, whatever the time and version of their sealing."""
    retold = msgspec.structs.replace(
        one,
        sealed_at=other.sealed_at,
        code_version=other.code_version,
        previous=other.previous,
        device_previous=other.device_previous,
        trial=other.trial,  # which may have been noted in between
    )
    return retold == other


def parse(payload: bytes) -> Record:
    """A record from its canonical JSON. Raises `EvidenceInvalid`, naming the field that breaks the schema."""
    try:
        return stored.decoded(payload, _DECODER, most=jws.MAX_OCTETS, twins=True)
    except stored.Unreadable as error:
        raise EvidenceInvalid("schema", f"Not a record of format {FORMAT}: {error}.") from error


_DECODER: msgspec.json.Decoder[Record] = decoder(Record)  # type: ignore[arg-type]
