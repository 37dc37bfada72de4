"""The result of the sweep: counted in the admissions table, put on the event bus, noted in the file of current lists."""

from msgspec import Struct

from functions.revocation.report_sweep import announcing, counting
from functions.shared import ca_orders, clock, current_lists
from functions.shared.event_bus import EventBus
from functions.shared.handlers import step
from functions.shared.observability import count
from functions.shared.settings import settings
from workflows.revocation.ca_revocation import SETTLED
from workflows.revocation.sweep import Report, ReportInput


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    crl_bucket: str
    event_bus_name: str


@step(ReportInput)
def handler(request: ReportInput) -> Report:
    """State *Report sweep*. Raises AwsUnavailable, AccessRefused, CurrentListsInvalid.

    The list counts as swept, or the CA's order as done, once no certificate is left; until then `watch_lists` starts the sweep again. A
    repeat puts the events a second time, so that they are never lost.
    """
    found, used = request.found, settings(Settings)
    revoked, still_open, left = counting.outcomes(used.admissions_table, found)
    report = Report(
        issuer_key=found.issuer_key,
        list_sha256=found.list_sha256,
        list_number=found.list_number,
        newly_listed=found.newly_listed,
        revoked=revoked,
        still_open=still_open,
        left=left,
        released=found.released,
        authority=found.authority,
    )
    questions = announcing.questions(found)
    announcing.announce(EventBus(used.event_bus_name), report, questions, request.execution, at=clock.now())
    if not still_open and not left:
        _note_done(used.crl_bucket, request)
    count("SweepLeft", left)
    return report


def _note_done(bucket: str, request: ReportInput) -> None:
    found = request.found
    if found.list_sha256 is not None:
        current_lists.note_swept(bucket, found.issuer_key, found.slot, found.list_sha256)
    if found.authority is not None and request.execution.started_at - found.authority.at >= SETTLED:
        ca_orders.note_done(bucket, found.authority, clock.now())
