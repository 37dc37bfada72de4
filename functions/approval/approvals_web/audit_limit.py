"""Limits the audit trail's entries that anybody can cause: at most one a minute is kept. The others are only counted."""

from datetime import timedelta

from functions.shared import clock, conditional
from functions.shared.conditional import ConditionFailed

EVERY = timedelta(minutes=1)


def first_of_its_minute(table: str, what: str) -> bool:
    """Returns True if `what` was not done during the last minute. Of several calls at the same time, one gets True.

    Raises `AwsUnavailable`.

    `table` is the table of sessions. Its other keys are hashes, so `what` must not look like one.
    """
    at = int(clock.now().timestamp())
    try:
        conditional.update(
            table,
            {"session": what},
            "SET noted_at = :at, ends_at = :gone",
            condition="attribute_not_exists(noted_at) OR noted_at <= :before",
            given={"at": at, "before": at - int(EVERY.total_seconds()), "gone": at + 86_400},
        )
    except ConditionFailed:
        return False
    return True
