"""Read *Step Functions Execution Status Change* (EventBridge) of an execution that failed, timed out or was aborted."""

from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import Struct

from workflows import stored
from workflows.admission import contracts
from workflows.admission.contracts import Execution
from workflows.admission.errors import AdmissionNotOwned, EventMalformed
from workflows.admission.registration import read_event

ALREADY_TOLD = "AdmissionFailed"
"""The error of the workflow's own Fail state *Failed*: its record is sealed and the message to people is sent."""

LIVE = frozenset({"RUNNING", "PENDING_REDRIVE"})
"""Statuses of an execution that still runs (https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html)."""

BADLY = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})
"""Statuses of an execution that ended without its own end state."""

SUPERSEDED = AdmissionNotOwned.__name__
"""The error of the Fail state *Superseded*: another execution or a sweep seals the admission's record."""


class EndedBadly(Struct, frozen=True, kw_only=True, rename="camel"):
    """The event's detail. `start_date` and `stop_date` are in milliseconds; `input` is the execution's input as JSON text."""

    execution_arn: str
    name: str
    status: Literal["FAILED", "TIMED_OUT", "ABORTED"]
    start_date: int = 0
    stop_date: int = 0
    input: str | None = None
    error: str | None = None
    cause: str | None = None

    @property
    def execution(self) -> Execution:
        started = datetime.fromtimestamp(self.start_date / 1000, UTC)
        return Execution(arn=self.execution_arn, name=self.name, started_at=started)

    @property
    def fault(self) -> str:
        """The cause, as far as the event names it."""
        said = ": ".join(part for part in (self.error, self.cause) if part)
        return said or f"The execution ended as {self.status}; its history says at which state."


def read(event: Any) -> EndedBadly:
    """The event's detail. Raises `BadInput`."""
    return contracts.read(EndedBadly, event.get("detail") if isinstance(event, dict) else event)


def event_of(described: dict[str, Any]) -> dict[str, Any]:
    """Build the event from the answer of DescribeExecution, for an execution that ended badly and whose event was lost."""
    detail = {
        "executionArn": described["executionArn"],
        "name": described["name"],
        "status": described["status"],
        "startDate": _milliseconds(described["startDate"]),
        "stopDate": _milliseconds(described["stopDate"]),
    }
    return {"detail": detail | {name: described[name] for name in ("input", "error", "cause") if name in described}}


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def certificate_of(ended: EndedBadly) -> str | None:
    """The certificate that the execution was about; None if its input is not a registration event."""
    try:
        return read_event(stored.read(ended.input or "null")).certificate_id
    except (EventMalformed, stored.Unreadable):  # also input that is not JSON, and missing input
        return None
