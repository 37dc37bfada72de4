"""Every event that Gatehouse puts on the event bus: its detail type, the shape of its detail, and whether people get a message about it.

Every place that puts an event uses the shape from this module. An event may arrive twice
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html), and events arrive in any order. docs/events.md lists
them for subscribers, and a test compares the two. Later versions add fields with a default and rename none.
"""

from typing import Any, ClassVar, Literal

import msgspec
from msgspec import Struct

from workflows import stored
from workflows.admission.contracts import Outcome, Requirement
from workflows.errors import BadInput
from workflows.moments import Moment
from workflows.revocation.ca_revocation import AuthorityRevocation

SOURCE = "gatehouse"
"""`source` of every event."""


class Event(Struct, frozen=True, kw_only=True):
    """`for_people`: whether the function `tell` gets the event (TellRule in ``template.yaml``)."""

    detail_type: ClassVar[str]
    for_people: ClassVar[bool] = True


class AdmissionEnded(Event, frozen=True, kw_only=True):
    """How an admission ended. Each end has another `execution_arn`.

    `subject` is the certificate's subject, None if it cannot be read; `what_next` says to people what to do next.
    """

    detail_type: ClassVar[str] = "Admission ended"

    outcome: Outcome
    reason: str
    certificate_id: str
    ca_certificate_id: str
    device: str | None
    thing_name: str | None
    policy_name: str | None
    replaced_certificate_id: str | None
    execution_arn: str
    evidence_key: str
    evidence_sha256: str
    ended_at: Moment
    reopen_at: Moment | None
    trial: bool = False
    subject: str | None = None
    what_next: str = ""


class ExecutionFailed(Event, frozen=True, kw_only=True):
    """An execution ended without an end state of its own. `certificate_id` is None if it had no admission."""

    detail_type: ClassVar[str] = "Execution failed"

    execution_arn: str
    execution_name: str
    status: Literal["FAILED", "TIMED_OUT", "ABORTED"]
    fault: str
    certificate_id: str | None
    reopen_at: Moment | None
    what_next: str
    at: Moment


class ApprovalEvent(Event, frozen=True, kw_only=True):
    """The fields of every event of a request for approval. `sentence` and `status` are as of `at`: read the request for its current state.

    `device`, `product` and `site` have harmless characters only. No event has the task token. `message_kind` is the attribute ``kind`` of
    the message on the topic.
    """

    message_kind: ClassVar[str]

    approval_id: str
    certificate_id: str
    device: str
    product: str
    site: str
    rule_id: str
    sentence: str
    status: str
    decide_by: Moment
    link: str
    at: Moment


class ApprovalRequested(ApprovalEvent, frozen=True, kw_only=True):
    """People are asked, or asked again because the evidence changed. `checks` are lines that say what was checked."""

    detail_type: ClassVar[str] = "Approval requested"
    message_kind: ClassVar[str] = "approval_requested"

    requirements: tuple[Requirement, ...]
    checks: tuple[str, ...]


class ApprovalDue(ApprovalEvent, frozen=True, kw_only=True):
    """A message of a request that is due. `groups`: the message is for their members; `because`: why a decision was not carried out.

    `told` says which message is due; for a decision it is the decision.
    """

    told: str
    groups: tuple[str, ...]
    execute_by: Moment | None
    because: str | None


class ApprovalReminder(ApprovalDue, frozen=True, kw_only=True):
    """`remind_after` has passed, and the request is open."""

    detail_type: ClassVar[str] = "Approval reminder"
    message_kind: ClassVar[str] = "approval_reminder"


class ApprovalEscalated(ApprovalDue, frozen=True, kw_only=True):
    """`escalate_after` has passed, and the request is open: members of `escalate_to` may vote instead."""

    detail_type: ClassVar[str] = "Approval escalated"
    message_kind: ClassVar[str] = "approval_escalated"


class ApprovalDecided(ApprovalDue, frozen=True, kw_only=True):
    """People approved or rejected."""

    detail_type: ClassVar[str] = "Approval decided"
    message_kind: ClassVar[str] = "approval_decided"


class ApprovalExpired(ApprovalDue, frozen=True, kw_only=True):
    """Nobody decided by `decide_by`."""

    detail_type: ClassVar[str] = "Approval expired"
    message_kind: ClassVar[str] = "approval_expired"


class ApprovalNotCarriedOut(ApprovalDue, frozen=True, kw_only=True):
    """People decided, but the execution has ended or read the decision too late."""

    detail_type: ClassVar[str] = "Approval not carried out"
    message_kind: ClassVar[str] = "approval_not_carried_out"


class CertificateRevoked(Event, frozen=True, kw_only=True):
    """One certificate was revoked. `item` is `workflows.revocation.sweep.Item`, or `AuthorityItem` if its CA was revoked."""

    detail_type: ClassVar[str] = "Gatehouse Certificate Revoked"
    for_people: ClassVar[bool] = False

    item: Any
    device: str | None
    evidence_key: str


class RevocationWithdrawn(Event, frozen=True, kw_only=True):
    """A certificate is refused, but no list revokes it any more. `reason`: why it was refused."""

    detail_type: ClassVar[str] = "Gatehouse Revocation Withdrawn"
    for_people: ClassVar[bool] = False

    certificate_id: str
    serial: str
    device: str | None
    reason: str


class SweepEnded(Event, frozen=True, kw_only=True):
    """The result of a new list, or of the end of a CA (`authority`), for admitted certificates.

    `released` is the number of revocations that were withdrawn; `withdrawn` has the first of them.
    """

    detail_type: ClassVar[str] = "Gatehouse Sweep Ended"

    issuer_key: str
    list_sha256: str | None
    list_number: str
    newly_listed: int
    revoked: int
    still_open: int
    left: int
    released: int
    authority: AuthorityRevocation | None
    execution_arn: str
    at: Moment
    withdrawn: tuple[RevocationWithdrawn, ...] = ()


class RevocationListRejected(Event, frozen=True, kw_only=True):
    """A list that was handed in is rejected. `incoming` is its key in the bucket of lists; `clause` is the rule that it breaks."""

    detail_type: ClassVar[str] = "Gatehouse Revocation List Rejected"

    incoming: str
    clause: str
    reason: str
    sha256: str | None
    at: Moment
    status: Literal["rejected"] = "rejected"


EVENTS: dict[str, type[Event]] = {
    kind.detail_type: kind
    for kind in (
        AdmissionEnded,
        ExecutionFailed,
        ApprovalRequested,
        ApprovalReminder,
        ApprovalEscalated,
        ApprovalDecided,
        ApprovalExpired,
        ApprovalNotCarriedOut,
        CertificateRevoked,
        RevocationWithdrawn,
        SweepEnded,
        RevocationListRejected,
    )
}
"""All events, by detail type."""


class _Envelope(Struct, frozen=True, kw_only=True, rename={"detail_type": "detail-type"}):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html, only the parts that are used here."""

    source: str
    detail_type: str
    detail: msgspec.Raw


def read(body: str) -> Event:
    """Returns the event in the JSON text that EventBridge delivers. Raises `BadInput`."""
    envelope = stored.read(body, _Envelope)
    kind = EVENTS.get(envelope.detail_type)
    if envelope.source != SOURCE or kind is None:
        got = f"{envelope.detail_type!r} of {envelope.source!r}"
        raise BadInput(f"Got the event {got}; expected one of {', '.join(EVENTS)} of {SOURCE!r}.")
    return stored.read(bytes(envelope.detail), kind)
