"""Two ways from the topic rule to an execution, simulated: ``python -m bench.door`` prints the table of the decision page.

A hundred devices that knock every ten seconds while people take an hour to decide, and a hundred thousand that knock every ten
seconds until their turn has come.
"""

from bench.designs import DIRECT, GATEHOUSE, Design
from bench.results import Knocking, Result
from bench.simulation import Burst
from bench.walk import Walk, walk

PATIENT, BURST = 100, 100_000


def few(walked: Walk, design: Design) -> Result:
    return Burst(walked, design, PATIENT, knocking=Knocking(within=10.0, every=10.0), decided_after=3_600.0).run()


def many(walked: Walk, design: Design, devices: int = BURST) -> Result:
    return Burst(walked, design, devices, knocking=Knocking(within=60.0, every=10.0)).run()


def row(result: Result) -> str:
    """One line of the table. Starts that Step Functions refused lie in the rule's error queue, or come again from ours."""
    cells = (
        f"{result.devices:,}",
        result.design,
        f"{result.events:,}",
        f"{result.started:,}",
        f"{result.duplicates:,}",
        f"{result.transitions:,}",
        f"{result.invocations:,}",
        f"{result.refused_starts:,}",
        f"{result.oldest:.0f} s" if result.queue_requests else "-",
        f"{result.dollars:,.2f}",
    )
    return "| " + " | ".join(cells) + " |"


def hot(result: Result) -> str:
    """The most writes in a second to the two keys that every admission writes."""
    return f"{result.devices:,} devices: {result.turn_writes} writes to the turns, {result.open_writes} to the key of open admissions"


def main() -> None:
    walked = walk()
    for run in (few, many):
        for design in (DIRECT, GATEHOUSE):
            print(row(found := run(walked, design)), flush=True)
    print(hot(found))


if __name__ == "__main__":
    main()
