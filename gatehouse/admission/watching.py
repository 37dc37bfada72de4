"""Watches admissions: reads the table again and again, and reports what has changed."""

import time
from collections.abc import Callable, Iterator

from gatehouse.admission import admissions
from gatehouse.admission.admissions import Admission, Standing
from gatehouse.stack.target import Target


def changes(
    target: Target,
    *,
    outcome: Standing | None = None,
    device: str | None = None,
    limit: int,
    every: float,
    within: float | None,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Admission]:
    """First the newest `limit` admissions, oldest first; then each that appears or changes. `every` and `within` are in seconds.

    An admission that is no longer among the newest `limit` is not watched. A further knock is a change too.
    """
    deadline = None if within is None else time.monotonic() + within
    seen: dict[str, Admission] = {}
    while True:
        newest = admissions.list_newest(target, outcome=outcome, device=device, limit=limit)
        for found in reversed(newest):
            if seen.get(found.certificate_id) != found:
                yield found
        seen = {found.certificate_id: found for found in newest}
        if deadline is not None and time.monotonic() >= deadline:
            return
        pause(every)
