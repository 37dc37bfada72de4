"""Real devices in a crowd on the local cloud: outcomes, executions, memory, admissions a second (`tests.local_cloud.crowd`).

``python -m bench.crowd [DEVICES [CALLS AT ONCE]]`` prints the outcomes; `rows` are the bars, for 300 where ten calls of Lambda
may be in flight, as in a new account of AWS.
"""

import sys
import tempfile
from pathlib import Path

from bench.measure import Row, at_least, at_most
from tests.local_cloud.conftest import settings_in
from tests.local_cloud.crowd import Outcome, come

DEVICES, AT_ONCE, WITHIN_SECONDS = 300, 10, 1_200.0


def measured(devices: int = DEVICES, at_once: int = AT_ONCE) -> Outcome:
    """The outcomes of this many devices, with five knocks each."""
    with tempfile.TemporaryDirectory() as name:
        return come(Path(name), devices, at_once=at_once, within=WITHIN_SECONDS)


def rows() -> list[Row]:
    """Lines of the table of ``make bench``."""
    became = measured()
    crowd = f"{DEVICES} devices, {AT_ONCE} calls at once"
    idle = settings_in(Path()).lambda_idle
    return [
        at_least(f"right outcomes a device, {crowd}", (DEVICES - len(became.wrong)) / DEVICES, "outcomes", 1.0),
        at_most(f"executions a device, {crowd}", became.executions / DEVICES, "executions", 1.0),
        at_most(f"executions failed, {crowd}", became.failed, "executions", 0),
        at_most(f"executions that were duplicates, {crowd}", became.duplicates, "executions", 0),
        at_most(
            "processes for each call that may be in flight or idle",
            became.processes / (AT_ONCE + idle),
            "processes",
            1.2,
        ),
        Row(name="- their memory at its highest, resident sets", value=became.peak_mb, unit="MB"),
        Row(name="calls throttled meanwhile", value=became.throttled, unit="calls"),
        Row(name="admissions a second", value=DEVICES / became.seconds, unit="admissions/s"),
    ]


if __name__ == "__main__":
    print(measured(*map(int, sys.argv[1:])))
