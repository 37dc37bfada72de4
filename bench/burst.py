"""A burst of devices against AWS's quotas, simulated (`bench.simulation`), and what one admission takes (`bench.walk`).

``python -m bench.burst [DEVICES]`` prints the table for this many devices in one account; `rows` are the bars, for 100,000.
"""

import sys

from rich.console import Console
from rich.table import Table

from bench.designs import GATEHOUSE, ONE_EACH, RETRY_ONLY
from bench.measure import Row, at_most
from bench.results import Knocking, Result
from bench.simulation import Burst
from bench.walk import Walk, walk

DEVICES = 100_000
BESIDE = 10_000
"""Devices for the retry-only design in this table: with ten times as many, its ratios are even worse."""


def rows(devices: int = DEVICES) -> list[Row]:
    """Lines of the table of ``make bench``."""
    walked = walk()
    ours, usual = Burst(walked, GATEHOUSE, devices).run(), Burst(walked, RETRY_ONLY, min(devices, BESIDE)).run()
    impatient = knocking(walked)
    beside = f"retry only, {usual.devices:,} devices"
    return [
        at_most(f"time to admit {devices:,} devices, against the least possible", ours.ratio, "times", 1.05),
        Row(name=f"- {beside}", value=usual.ratio, unit="times"),
        at_most("IoT control-plane calls made for each one needed", ours.calls / ours.needed, "calls", 1.01),
        Row(name=f"- {beside}", value=usual.calls / usual.needed, unit="calls"),
        at_most("executions failed in that burst", ours.failed, "executions", 0),
        Row(name=f"- {beside}", value=usual.failed, unit="executions"),
        at_most(
            "executions started by 100 devices knocking every 10 s for an hour", impatient.started, "executions", 100
        ),
        at_most("state transitions, automatic path", walked.transitions, "transitions", 14),
        at_most("state transitions, duplicate", walked.duplicate_transitions, "transitions", 3),
        Row(name="transitions, Lambda and rules for a million devices", value=ours.dollars_a_million, unit="USD"),
        Row(name=f"- {beside}", value=usual.dollars_a_million, unit="USD"),
    ]


def knocking(walked: Walk) -> Result:
    """A hundred devices that knock every ten seconds while people take an hour to decide."""
    return Burst(walked, GATEHOUSE, 100, knocking=Knocking(within=10.0, every=10.0), decided_after=3_600.0).run()


def table(results: list[Result]) -> Table:
    """Designs side by side."""
    shown = Table(
        "design", "devices", "drained, h", "of the least", "99 % in, of the least", "calls for each needed",
        "started", "failed", "transitions a device", "USD a million",
    )  # fmt: skip
    for result in results:
        shown.add_row(
            result.design,
            f"{result.devices:,}",
            f"{result.drained_at / 3600:.2f}",
            f"{result.ratio:.3f}",
            f"{result.nearly / result.least:.3f}",
            f"{result.calls / result.needed:.3f}",
            f"{result.started:,}",
            f"{result.failed:,}",
            f"{result.transitions / result.devices:.1f}",
            f"{result.dollars_a_million:,.0f}",
        )
    return shown


if __name__ == "__main__":
    made, count = walk(), int((sys.argv[1:] or ["10000"])[0])
    Console(width=140).print(table([Burst(made, design, count).run() for design in (GATEHOUSE, ONE_EACH, RETRY_ONLY)]))
