"""Note that an admitted device has connected: its admission has worked."""

from typing import Literal

from msgspec import Struct

from functions.shared import clock
from functions.shared.admissions import Admissions
from functions.shared.handlers import on_event
from functions.shared.observability import count, logger
from functions.shared.settings import settings
from workflows.admission import presence
from workflows.admission.presence import Connected


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str


class Result(Struct, frozen=True, kw_only=True):
    status: Literal["returned", "unchanged"]


@on_event(presence.read)
def handler(connected: Connected) -> Result:
    """On the first connect after an admission, as the topic rule selects it. Repeats and late events change nothing.

    Raises EventMalformed, AwsUnavailable; Lambda tries again, and an event that fails each time goes to the dead-letter queue.
    """
    logger.append_keys(certificate_id=connected.certificate_id)
    at = clock.from_microseconds(connected.at * 1000)
    returned = Admissions(settings(Settings).admissions_table).record_return(connected.certificate_id, at)
    if returned:
        count("Returned")
    return Result(status="returned" if returned else "unchanged")
