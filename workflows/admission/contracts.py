"""The data that passes between the states of the admission workflow.

Each state's Lambda takes one ``…Input`` and returns one result. The state machine keeps the results in one variable, ``$dossier``,
each as one field of `Dossier`. An execution may wait days for a person, and a newer version of the code may
continue it: fields are added with a default, never renamed or removed.

Times are aware UTC datetimes, on the wire RFC 3339. Hashes are lower-case hex SHA-256. Serials are lower-case hex without
leading zeros or sign.
"""

from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from workflows.approval.signature import SignedVote
from workflows.errors import BadInput
from workflows.hashes import Sha256
from workflows.moments import Moment
from workflows.revocation.verdict import Verdict

Outcome = Literal["admitted", "refused", "held", "failed"]
"""How an execution that owns its admission ends. A fifth end, ``duplicate``, has no record of its own."""

Finding = Literal["unknown_device", "second_certificate", "wildcard_policy", "name_without_issuer"]
"""What the inventory lookup found that a rule may ask people about."""


class Execution(Struct, frozen=True, kw_only=True):
    """The execution that acts, as the context object names it."""

    arn: str
    name: str
    started_at: Moment


# --- 1. Claim admission ----------------------------------------------------------------------------------------------


class ClaimInput(Struct, frozen=True, kw_only=True):
    """`event` is not decoded, so that a malformed one can be reported unchanged."""

    event: Any
    execution: Execution


class Claim(Struct, frozen=True, kw_only=True):
    """`owner` is the ARN of the execution that owns the certificate: this one if claimed."""

    status: Literal["claimed", "duplicate"]
    certificate_id: Sha256
    ca_certificate_id: Sha256
    owner: str
    knocks: int
    turn_at: Moment


# --- 3. Inspect certificate ------------------------------------------------------------------------------------------


class InspectInput(Struct, frozen=True, kw_only=True):
    """`turn_at` is the claim's; None for an execution that an older definition started."""

    certificate_id: Sha256
    ca_certificate_id: Sha256
    execution: Execution
    turn_at: Moment | None = None


class CertificateFacts(Struct, frozen=True, kw_only=True):
    """What the certificate says of itself. The device chose subject, issuer and common name: escape them before showing.

    `issuer_key` and `public_key` are hashes of the DER SubjectPublicKeyInfo of the CA and of the device. `trial`: its CA is a trial's
    (`workflows.admission.trial`), so it is never admitted.
    """

    certificate_id: Sha256
    ca_certificate_id: Sha256
    pem: str
    subject: str
    common_name: str | None
    issuer: str
    issuer_key: Sha256
    serial: str
    public_key: Sha256
    key: str
    signature_algorithm: str
    not_before: Moment
    not_after: Moment
    trial: bool = False


class Inspection(Struct, frozen=True, kw_only=True):
    """`unacceptable` is refused; `not_pending` (somebody else has decided already) is held.

    `facts` is None only if the certificate could not be read at all; `pem` is always what AWS IoT has.
    """

    status: Literal["acceptable", "unacceptable", "not_pending"]
    reason: str
    iot_status: str
    pem: str
    facts: CertificateFacts | None


# --- 4. Check CRL ----------------------------------------------------------------------------------------------------


class CheckCrlInput(Struct, frozen=True, kw_only=True):
    """The output is `workflows.revocation.Verdict`. `execution` is for the log; None from a definition older than this field."""

    certificate: CertificateFacts
    execution: Execution | None = None


# --- 5. Look up device -----------------------------------------------------------------------------------------------


class DeviceRecord(Struct, frozen=True, kw_only=True):
    """One line of the inventory: a device that is expected, or denied.

    `lookup_key` is ``certificate#<sha256>``, ``serial#<issuer_key>#<serial>``, ``issuer-name#<issuer_key>#<common name>`` or,
    for the devices of every CA, ``name#<common name>``; or, for a denial of the whole device, ``denied#<device>``.
    `device` becomes the thing's name.
    """

    lookup_key: str
    device: str
    effect: Literal["allow", "deny"] = "allow"
    product: str = ""
    site: str = ""
    thing_type: str = ""
    groups: tuple[str, ...] = ()
    attributes: dict[str, str] = {}
    policy_profile: str = "device"
    entered_by: str
    entered_at: Moment
    expires_at: Moment | None = None
    note: str = ""


class Requirement(Struct, frozen=True, kw_only=True):
    """`count` people of `group` must agree."""

    group: str
    count: int


class Ruling(Struct, frozen=True, kw_only=True):
    """What the approval rules decide for one device, and by which rule.

    `rules_sha256` is the hash of the rules file as read. Times are in seconds. `requirements` must all be met.
    """

    action: Literal["auto", "people", "hold", "refuse"]
    rule_id: str
    rule_version: str
    rules_sha256: Sha256
    requirements: tuple[Requirement, ...] = ()
    decide_within: int = 0
    execute_within: int = 0
    reason_required: bool = False
    fresh_sign_in: bool = False
    remind_after: int | None = None
    escalate_after: int | None = None
    escalate_to: str | None = None


class LookUpInput(Struct, frozen=True, kw_only=True):
    """`execution` is for the log; None from a definition older than this field."""

    certificate: CertificateFacts
    execution: Execution | None = None


class DeviceDecision(Struct, frozen=True, kw_only=True):
    """`basis_sha256` is the hash of what a person decides on: certificate, record, binding, findings, rule and policy (see `basis`)."""

    action: Literal["auto", "people", "hold", "refuse"]
    reason: str
    findings: tuple[Finding, ...]
    matched_by: Literal["certificate", "serial", "name"] | None
    record: DeviceRecord | None
    bound_certificate_id: str | None
    ruling: Ruling | None
    policy_name: str | None
    basis_sha256: Sha256


# --- 6. Request approval, and reading what was decided -----------------------------------------------------------------


class RequestApprovalInput(Struct, frozen=True, kw_only=True):
    """`task_token` is a secret: it is stored encrypted and never leaves the backend."""

    task_token: str
    execution: Execution
    certificate: CertificateFacts
    revocation: Verdict
    device: DeviceDecision


class ReadDecisionInput(Struct, frozen=True, kw_only=True):
    certificate_id: Sha256
    execution: Execution


class Decision(Struct, frozen=True, kw_only=True):
    """The decision in the approvals table, from a consistent read. The callback's own output is never used."""

    status: Literal["approved", "rejected", "expired"]
    approval_id: str
    reason: str
    basis_sha256: Sha256
    requested_at: Moment
    decide_by: Moment
    execute_by: Moment | None
    votes: tuple[SignedVote, ...]


class TakeTurnInput(Struct, frozen=True, kw_only=True):
    """`lane` is the lane that needs a turn; an admission gets its turn with the claim. The rest is for the log; a sweep leaves it out."""

    lane: Literal["carry_out", "sweep"]
    certificate_id: Sha256 | None = None
    execution: Execution | None = None


class Turn(Struct, frozen=True, kw_only=True):
    """When AWS IoT may be called."""

    turn_at: Moment


# --- 8. and 9. Activate certificate, attach policy ---------------------------------------------------------------------


class ActivateInput(Struct, frozen=True, kw_only=True):
    """`turn_at` is the turn taken after people decided; None without people, since the turn of the claim is still valid."""

    execution: Execution
    certificate: CertificateFacts
    device: DeviceDecision
    approval: Decision | None
    turn_at: Moment | None = None


class Activation(Struct, frozen=True, kw_only=True):
    """What AWS IoT now holds. `replaced_certificate_id` is the certificate to which the device was bound before, if any."""

    thing_name: str
    thing_arn: str
    thing_type: str
    groups: tuple[str, ...]
    replaced_certificate_id: str | None
    certificate_arn: str
    activated_at: Moment


class AttachPolicyInput(Struct, frozen=True, kw_only=True):
    execution: Execution
    certificate_id: Sha256
    certificate_arn: str
    device: DeviceDecision


class PolicyAttachment(Struct, frozen=True, kw_only=True):
    """`policy_name` contains a hash of the document, so a changed profile is a new policy and old policies stay unchanged."""

    policy_name: str
    document_sha256: Sha256
    document: dict[str, Any]
    created: bool


# --- refusal and roll back -------------------------------------------------------------------------------------------------------


class RefuseInput(Struct, frozen=True, kw_only=True):
    """`cause` is ``revoked`` if the CRL says so (→ REVOKED); every other cause ends as INACTIVE."""

    execution: Execution
    certificate_id: Sha256
    cause: Literal["revoked", "certificate", "inventory", "person"]


class Refusal(Struct, frozen=True, kw_only=True):
    """`note` says what was unusual, such as a deleted certificate."""

    certificate_status: Literal["REVOKED", "INACTIVE"]
    refused_at: Moment
    note: str = ""


class Fault(Struct, frozen=True, kw_only=True):
    """An error that the state machine caught: its class name and its message."""

    error: str
    cause: str


class RollBackInput(Struct, frozen=True, kw_only=True):
    execution: Execution
    certificate_id: Sha256
    device: DeviceDecision
    fault: Fault


class RollBack(Struct, frozen=True, kw_only=True):
    """`undone` names each thing that was undone; what did not exist is not listed."""

    undone: tuple[str, ...]
    certificate_status: str


# --- 10. and 11. Seal evidence, notify -----------------------------------------------------------------------------------


class Dossier(Struct, frozen=True, kw_only=True):
    """Everything the execution learned, state by state; a part is None, or absent in JSON, if the execution did not come so far."""

    claim: Claim
    certificate: Inspection | None = None
    revocation: Verdict | None = None
    device: DeviceDecision | None = None
    approval: Decision | None = None
    revocation_again: Verdict | None = None
    device_again: DeviceDecision | None = None
    activation: Activation | None = None
    policy: PolicyAttachment | None = None
    refusal: Refusal | None = None
    fault: Fault | None = None
    roll_back: RollBack | None = None


class SealInput(Struct, frozen=True, kw_only=True):
    """`workflow_version` is the version of the definition that this execution runs, which may be older than the code that seals."""

    execution: Execution
    event: Any
    outcome: Outcome
    reason: str
    dossier: Dossier
    workflow_version: str = ""


class Seal(Struct, frozen=True, kw_only=True):
    """The record's key in the bucket, and its hash."""

    evidence_key: str
    evidence_sha256: Sha256
    sealed_at: Moment
    reopen_at: Moment | None
    trial: bool = False


class NotifyInput(Struct, frozen=True, kw_only=True):
    execution: Execution
    outcome: Outcome
    reason: str
    dossier: Dossier
    seal: Seal


class Notification(Struct, frozen=True, kw_only=True):
    """SNS message id and EventBridge event id, for the log. `message_id` is empty if no message was sent to people."""

    message_id: str
    event_id: str


C = TypeVar("C")


def read(contract: type[C], value: object) -> C:
    """Decode a state's input. Raises `BadInput` with the field, what was got and what was expected."""
    try:
        return msgspec.convert(value, contract)
    except msgspec.ValidationError as error:
        name = getattr(contract, "__name__", str(contract))
        raise BadInput(f"{name}: {error}. Expected the shape in workflows/admission/contracts.py.") from error


def write(value: object) -> Any:
    """Encode a result as JSON types."""
    return msgspec.to_builtins(value, order="deterministic")
