"""Measurements: a row of the table, and a function run in a fresh process with its time and its peak of memory."""

import importlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table, and one object in ``.gatehouse/bench.json``."""

    name: str
    value: float
    unit: str
    bar: str | None = None
    """The limit for the value, as text; None for a figure without limit."""
    holds: bool | None = None


def at_least(name: str, value: float, unit: str, bar: float) -> Row:
    return Row(name=name, value=value, unit=unit, bar=f"at least {bar:,g}", holds=value >= bar)


def at_most(name: str, value: float, unit: str, bar: float) -> Row:
    return Row(name=name, value=value, unit=unit, bar=f"at most {bar:,g}", holds=value <= bar)


def fresh(function: str, *arguments: object) -> dict[str, float]:
    """Run ``module:function`` in a new interpreter; what it returns, and ``peak_mb``: memory at its highest."""
    command = [sys.executable, "-m", "bench.measure", function, *map(str, arguments)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, float] = json.loads(run.stdout)
    return answer


def fastest(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """The fastest run: in slower ones, other processes used the processor. Peaks of memory hardly differ."""
    return min(runs, key=lambda run: run["ms"])


def peak_mb() -> float:
    """Of this process since it was started. ``ru_maxrss`` would count the parent's memory before exec as well."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024


if __name__ == "__main__":
    module, name = sys.argv[1].split(":")
    result: dict[str, Any] = getattr(importlib.import_module(module), name)(*sys.argv[2:])
    print(json.dumps(result | {"peak_mb": peak_mb()}))
