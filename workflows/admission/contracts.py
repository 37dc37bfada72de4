"""What passes between the states of the admission workflow.

Each state's Lambda takes one ``…Input`` and returns one result. The state machine keeps the results in one variable, ``$dossier``,
each as the part of `Dossier` that is named after it. An execution may wait days for a person and be continued by a newer version of
the code: fields are added with a default, never renamed or removed.

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
"""How an execution that owns its admission ends. A fifth, ``duplicate``, ends without a record of its own."""

Finding = Literal["unknown_device", "second_certificate", "wildcard_policy", "name_without_issuer"]
"""What a look at the inventory turned up that a rule may ask people about."""


class Execution(Struct, frozen=True, kw_only=True):
    """The run that acts, as the context object names it."""

    arn: str
    name: str
    started_at: Moment


# --- 1. Claim admission ----------------------------------------------------------------------------------------------


class ClaimInput(Struct, frozen=True, kw_only=True):
    """`event` stays undecoded, so that a malformed one can be reported as it came."""

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
    """`turn_at` is the claim's; None for an execution that was started when nobody asked for it."""

    certificate_id: Sha256
    ca_certificate_id: Sha256
    execution: Execution
    turn_at: Moment | None = None


class CertificateFacts(Struct, frozen=True, kw_only=True):
    """What the certificate says of itself. Subject, issuer and common name are the device's own words: escape before showing.

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
    """`unacceptable` is refused for good; `not_pending` (somebody else decided already) is held.

    `facts` is None only if the certificate could not be read at all; `pem` is what AWS IoT has, in any case.
    """

    status: Literal["acceptable", "unacceptable", "not_pending"]
    reason: str
    iot_status: str
    pem: str
    facts: CertificateFacts | None


# --- 4. Check CRL ----------------------------------------------------------------------------------------------------


class CheckCrlInput(Struct, frozen=True, kw_only=True):
    """Answered with `workflows.revocation.Verdict`. `execution` is for the log; None if the state's definition is older than that."""

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
    """So many people of one group must agree."""

    group: str
    count: int


class Ruling(Struct, frozen=True, kw_only=True):
    """What the approval rules say of one device, and which rule said it.

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
    """`execution` is for the log; None if the state's definition is older than that."""

    certificate: CertificateFacts
    execution: Execution | None = None


class DeviceDecision(Struct, frozen=True, kw_only=True):
    """`basis_sha256` hashes what a person would decide on: certificate, record, binding, findings, rule and policy (see `basis`)."""

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
    """`task_token` is a secret: it is stored encrypted and never leaves the backend again."""

    task_token: str
    execution: Execution
    certificate: CertificateFacts
    revocation: Verdict
    device: DeviceDecision


class ReadDecisionInput(Struct, frozen=True, kw_only=True):
    certificate_id: Sha256
    execution: Execution


class Decision(Struct, frozen=True, kw_only=True):
    """What stands in the approvals table, read strongly; the callback's own output is never believed."""

    status: Literal["approved", "rejected", "expired"]
    approval_id: str
    reason: str
    basis_sha256: Sha256
    requested_at: Moment
    decide_by: Moment
    execute_by: Moment | None
    votes: tuple[SignedVote, ...]


class TakeTurnInput(Struct, frozen=True, kw_only=True):
    """For whom; admissions are given their turn with the claim. The rest is for the log; a sweep asks for nobody's admission."""

    lane: Literal["carry_out", "sweep"]
    certificate_id: Sha256 | None = None
    execution: Execution | None = None


class Turn(Struct, frozen=True, kw_only=True):
    """When AWS IoT may be called."""

    turn_at: Moment


# --- 8. and 9. Activate certificate, attach policy ---------------------------------------------------------------------


class ActivateInput(Struct, frozen=True, kw_only=True):
    """`turn_at` is the turn taken after people were waited for; None without them, since the admission's own is still good."""

    execution: Execution
    certificate: CertificateFacts
    device: DeviceDecision
    approval: Decision | None
    turn_at: Moment | None = None


class Activation(Struct, frozen=True, kw_only=True):
    """What now stands in AWS IoT. `replaced_certificate_id` is what the device was bound to before, if anything."""

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
    """`policy_name` carries a hash of the document, so that a changed profile is a new policy and old ones stay what they were."""

    policy_name: str
    document_sha256: Sha256
    document: dict[str, Any]
    created: bool


# --- side tracks -------------------------------------------------------------------------------------------------------


class RefuseInput(Struct, frozen=True, kw_only=True):
    """`cause` is ``revoked`` when the CRL said so (→ REVOKED); anything else ends as INACTIVE."""

    execution: Execution
    certificate_id: Sha256
    cause: Literal["revoked", "certificate", "inventory", "person"]


class Refusal(Struct, frozen=True, kw_only=True):
    """`note` says what was unusual about it, such as a certificate that is gone."""

    certificate_status: Literal["REVOKED", "INACTIVE"]
    refused_at: Moment
    note: str = ""


class Fault(Struct, frozen=True, kw_only=True):
    """An error the machine caught: its class name and what it said."""

    error: str
    cause: str


class RollBackInput(Struct, frozen=True, kw_only=True):
    execution: Execution
    certificate_id: Sha256
    device: DeviceDecision
    fault: Fault


class RollBack(Struct, frozen=True, kw_only=True):
    """Each thing undone, in words; what was not there is not listed."""

    undone: tuple[str, ...]
    certificate_status: str


# --- 10. and 11. Seal evidence, notify -----------------------------------------------------------------------------------


class Dossier(Struct, frozen=True, kw_only=True):
    """Everything the execution learned, state by state; None, or absent on the wire, where it never came so far."""

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
    """Where the record lies, and its hash."""

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
    """EventBridge event id, for the log. `message_id` is empty: people are told from the event, by a function of its own."""

    event_id: str
    message_id: str = ""


C = TypeVar("C")


def read(contract: type[C], value: object) -> C:
    """Decode what a state was given. Raises `BadInput`, naming the field, what was got and what was expected."""
    try:
        return msgspec.convert(value, contract)
    except msgspec.ValidationError as error:
        name = getattr(contract, "__name__", str(contract))
        raise BadInput(f"{name}: {error}. Expected the shape in workflows/admission/contracts.py.") from error


def write(value: object) -> Any:
    """Encode a result as the JSON types Step Functions keeps."""
    return msgspec.to_builtins(value, order="deterministic")
