"""The events of a sweep: one of its end, and one for each revocation that was withdrawn."""

from datetime import datetime

import msgspec

from functions.shared import objects
from functions.shared.event_bus import EventBus
from workflows import stored
from workflows.admission.contracts import Execution
from workflows.events import RevocationWithdrawn, SweepEnded
from workflows.revocation.notification import SHOWN
from workflows.revocation.sweep import FindResult, Question, Report


def questions(found: FindResult) -> list[Question]:
    """Returns the revocations that were withdrawn. Raises `AwsUnavailable`, `AccessRefused`."""
    kept = objects.read(found.bucket, found.questions_key) if found.released else None
    return [] if kept is None else stored.read(kept.data, list[Question], most=objects.MOST)


def announce(bus: EventBus, report: Report, asked: list[Question], execution: Execution, *, at: datetime) -> None:
    """Put the events. Events of a repeat have the same execution. Raises `AwsUnavailable`."""
    withdrawn = msgspec.convert(asked, list[RevocationWithdrawn], from_attributes=True)
    given = msgspec.structs.asdict(report)
    bus.put(SweepEnded(**given, execution_arn=execution.arn, at=at, withdrawn=tuple(withdrawn[:SHOWN])), execution.arn)
    for one in withdrawn:
        bus.put(one, execution.arn)
