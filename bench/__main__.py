"""Every measurement: ``python -m bench [NAME …]``. Prints a table; writes ``.gatehouse/bench.json`` and the environment.

``.gatehouse/bench.json`` is a list of objects with ``name``, ``value``, ``unit``, ``bar`` and ``holds``;
``.gatehouse/bench-environment.json`` says on what it was measured. Exits 1 if a bar does not hold.
"""

import importlib
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.measure import Row

MODULES = ("crl", "burst", "cold_start", "evidence", "faults", "crowd")
"""Each has ``rows()``, which measures and returns its lines of the table."""
PLACE = Path(".gatehouse")


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - set(MODULES))
    if unknown:
        print(f"no measurement is called {', '.join(unknown)}; there are {', '.join(MODULES)}", file=sys.stderr)
        return 2
    PLACE.mkdir(exist_ok=True)
    rows = [row for name in names or MODULES for row in importlib.import_module(f"bench.{name}").rows()]
    _write(PLACE / "bench.json", rows)
    _write(PLACE / "bench-environment.json", environment())
    Console(width=None if sys.stdout.isatty() else 140).print(table(rows))
    return 0 if all(row.holds is not False for row in rows) else 1


def table(rows: list[Row]) -> Table:
    shown = Table("what", title="Gatehouse, measured")
    shown.add_column("value", justify="right")
    for heading in ("unit", "bar", "holds"):
        shown.add_column(heading)
    for row in rows:
        holds = {True: "[green]yes", False: "[red]NO", None: ""}[row.holds]
        shown.add_row(row.name, f"{row.value:,.4g}", row.unit, row.bar or "", holds)
    return shown


def environment() -> dict[str, str | int | list[float] | None]:
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cryptography": version("cryptography"),
        "openssl": openssl,
        "machine": platform.machine(),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "load": list(os.getloadavg()),
        "system": platform.platform(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    return next((line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), "")


def _write(path: Path, what: object) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(what), indent=2) + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
