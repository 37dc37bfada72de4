"""Mark the admission of an execution that ended without closing it, and put on the event bus that it failed."""

from typing import Literal

from msgspec import Struct

from functions.shared import clock
from functions.shared.admissions import Admissions
from functions.shared.event_bus import EventBus
from functions.shared.handlers import on_event
from functions.shared.observability import count, logger
from functions.shared.settings import limits, settings
from workflows.admission import failure, notification
from workflows.admission.failure import EndedBadly
from workflows.message import line


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    event_bus_name: str


class Result(Struct, frozen=True, kw_only=True):
    status: Literal["marked", "unchanged"]


@on_event(failure.read)
def handler(ended: EndedBadly) -> Result:
    """On *Step Functions Execution Status Change* to FAILED, TIMED_OUT or ABORTED. May be delivered twice, or late.

    The admission is marked as failed only if it still belongs to this execution and is open, so a repeat changes nothing. After the
    cool-down the next knock may start a new one. No event is put for an execution that rolled back, since *Notify* has put one.
    """
    certificate_id, at = failure.certificate_of(ended), clock.now()
    logger.append_keys(certificate_id=certificate_id, execution=ended.execution_arn)
    count("ExecutionFailed", status=ended.status)
    used, reopen_at = settings(Settings), limits().reopen.reopens_at("failed", at)
    marked = None
    if certificate_id is not None:
        marked = Admissions(used.admissions_table).fail(
            certificate_id, ended.execution_arn, fault=line(ended.fault), at=at, reopen_at=reopen_at
        )
    if ended.error != failure.ALREADY_TOLD and not (
        marked and marked.trial
    ):  # of a trial, the command itself tells the operator
        failed = notification.failed(ended, certificate_id, reopen_at if marked else None, at=at)
        EventBus(used.event_bus_name).put(failed, ended.execution_arn)
    return Result(status="marked" if marked else "unchanged")
