"""Watching admissions: whatever has changed since the last look."""

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
    """First the newest `limit`, the oldest of them first; then each as it appears or changes. `every` and `within` are in seconds.

    An admission that has fallen out of the newest `limit` is not seen any more. Knocks count as changes, since they are the device's.
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
