"""Tries what may go wrong: faults at every side effect of the admission, and mutants of the state machines' texts."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from bench.measure import Row, at_most


def rows() -> list[Row]:
    with ThreadPoolExecutor(2) as both:
        faults, texts = both.map(measure, ("faults", "mutants"))
    return [
        at_most(f"fault cases with a promise broken, of {faults['tried']} tried", faults["bad"], "cases", 0),
        at_most(f"ASL mutants that survive, of {texts['tried']}", texts["bad"], "mutants", 0),
    ]


def measure(what: str) -> dict[str, Any]:
    """Measure in a process of its own, so that the functions' output and moto's patches stay there."""
    run = subprocess.run([sys.executable, "-m", "bench.faults", what], check=True, capture_output=True)
    result: dict[str, Any] = msgspec.json.decode(run.stdout.splitlines()[-1])
    for line in result["said"]:
        print(line, file=sys.stderr)
    return result


def _measure(what: str) -> dict[str, Any]:
    if what == "faults":
        from tests.machine.fault_cases import try_faults

        tally = try_faults()
        return {"tried": tally.tried, "bad": len(tally.broken), "said": tally.broken}
    from tests.machine import score

    scores = (score.admission(), score.sweep())
    survivors = [name for one in scores for name in one.survivors]
    return {"tried": sum(one.tried for one in scores), "bad": len(survivors), "said": survivors}


if __name__ == "__main__":
    print(msgspec.json.encode(_measure(sys.argv[1])).decode())
