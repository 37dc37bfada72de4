"""What is kept for years and can be caused again and again is kept at most once a minute; the rest is only counted."""

from datetime import timedelta

from functions.shared import clock, conditional
from functions.shared.conditional import ConditionFailed

EVERY = timedelta(minutes=1)


def first_of_its_minute(table: str, what: str) -> bool:
    """Whether nobody has done `what` for a minute: True for one of however many who ask at once. Raises `AwsUnavailable`.

    `table` is that of the sessions, whose keys are hashes: `what` is none.
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
