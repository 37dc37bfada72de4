"""``make mutants``: the rules broken one place at a time by mutmut; the rules' own tests must notice.

``python -m tests.nightly.mutants [--max-children=N] [PATTERN …]``: of these functions only, as in ``workflows.approval.votes*``.
Prints each package's score, names the survivors, and writes ``.gatehouse/mutants.json``: rows like those of ``make bench``.
``.venv/bin/mutmut show NAME`` says what was broken.
"""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from fnmatch import fnmatch
from pathlib import Path

import msgspec
from mutmut.stats import status_by_exit_code

from bench.measure import Row

MUTANTS = Path("mutants/workflows")
WRITTEN = Path(".gatehouse/mutants.json")
NOTICED = ("killed", "timeout")


def verdicts(patterns: list[str]) -> dict[str, str]:
    """What became of each mutant, by its name: killed, survived, no tests, timeout, not checked."""
    found: dict[str, str] = {}
    for file in sorted(MUTANTS.rglob("*.meta")):
        for name, code in json.loads(file.read_text())["exit_code_by_key"].items():
            if any(fnmatch(name, pattern) for pattern in patterns):
                found[name] = status_by_exit_code[code]
    return found


def package(mutant: str) -> str:
    """``workflows.approval`` of ``workflows.approval.rules.checks.x_check__mutmut_1``."""
    return ".".join(mutant.split(".")[:2])


def counts(found: dict[str, str]) -> dict[str, Counter[str]]:
    by_package: dict[str, Counter[str]] = defaultdict(Counter)
    for name, status in found.items():
        if status != "not checked":
            by_package[package(name)][status] += 1
            by_package["in all"][status] += 1
    return by_package


def rows(by_package: dict[str, Counter[str]]) -> list[Row]:
    """The share noticed of all that were tried. One without tests counts as unnoticed; no bar, since some mean the same as the original."""
    return [
        Row(
            name=f"mutants noticed, {name}",
            value=100 * sum(many[status] for status in NOTICED) / many.total(),
            unit="%",
        )
        for name, many in by_package.items()
    ]


def main(arguments: list[str]) -> int:
    options = [argument for argument in arguments if argument.startswith("-")]
    # Asked for by a pattern, the tests are first run by their ids. A test whose id pytest does not find again would "notice" every mutant.
    patterns = [argument for argument in arguments if not argument.startswith("-")] or ["workflows.*"]
    run = subprocess.run([Path(sys.executable).with_name("mutmut"), "run", *options, *patterns], check=False)
    if run.returncode:
        return run.returncode
    found = verdicts(patterns)
    by_package = counts(found)
    for name, status in found.items():
        if status not in {*NOTICED, "not checked"}:
            print(f"{status}: {name}")
    scores = rows(by_package)
    for row, many in zip(scores, by_package.values(), strict=True):
        print(
            f"{row.name}: {row.value:.1f} % ({', '.join(f'{count} {status}' for status, count in many.most_common())})"
        )
    WRITTEN.parent.mkdir(exist_ok=True)
    WRITTEN.write_bytes(msgspec.json.format(msgspec.json.encode(scores), indent=2) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
