"""Which registration events start an execution, and under which name (docs/decisions/knocks-are-queued.md).

AWS IoT publishes the event of a pending certificate again on every connection attempt, so most events are repeats. The claim in the state
machine is the strict check; this module avoids executions that could only end as duplicates.
"""

from datetime import datetime

from msgspec import Struct

from workflows.hashes import Sha256

QUARTER_MINUTES = 15
"""How long a name is used. An execution that ended before its claim blocks its name for 90 days, but the certificate only this long."""


class Known(Struct, frozen=True, kw_only=True):
    """What a start needs of an admission. `reopen_at` is in milliseconds since 1970; `attempts` counts claims and operators' acts."""

    certificate_id: str
    reopen_at: int
    attempts: int = 0


def is_due(known: Known | None, at: datetime) -> bool:
    """Whether an event at `at` starts an admission: there is none, or it may start again. The claim has the same condition."""
    return known is None or known.reopen_at <= at.timestamp() * 1000


def name(certificate_id: Sha256, known: Known | None, at: datetime) -> str:
    """The execution's name: the same for every event of the certificate until it is claimed, within a quarter of an hour (UTC).

    Step Functions keeps a name for 90 days and refuses it to another execution, also when the first has ended
    (https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html). So the name holds the number of attempts,
    which each claim and each act of an operator raises, and the quarter of an hour, for an execution that ended before its claim. 52 to 80
    characters of ``0-9 a-f T -``.
    """
    quarter = at.replace(minute=at.minute - at.minute % QUARTER_MINUTES)
    return f"{certificate_id[:32]}-{known.attempts if known else 0}-{quarter:%Y%m%dT%H%M}"
