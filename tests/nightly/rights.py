"""``make rights``: every statement of every function's role is taken away, and tests that relied on it must fail.

Reads ``.gatehouse/rights.json``, which a run with ``--every-right`` writes: which tests needed which right.
"""

import json
import os
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from tests.rights import PLACE

AT_ONCE = os.cpu_count() or 1


def relied_on() -> dict[str, list[str]]:
    """Statements, as ``function:number``, and tests that needed one of their actions."""
    found: dict[str, list[str]] = defaultdict(list)
    for function, number, _, *tests in json.loads(PLACE.read_text()):
        found[f"{function}:{number}"] += tests
    return {statement: [*dict.fromkeys(tests)][:6] for statement, tests in found.items()}


def is_missed(statement: str, tests: list[str]) -> bool:
    """Whether one of the tests fails without the statement."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        env={**os.environ, "GATEHOUSE_WITHOUT_RIGHT": statement},
        capture_output=True,
        check=False,
    )
    return run.returncode == 1


def main() -> int:
    statements = relied_on()
    with ThreadPoolExecutor(AT_ONCE) as runs:
        missed = [*runs.map(is_missed, statements, statements.values())]
    for statement, failed in zip(statements, missed, strict=True):
        if not failed:
            print(
                f"nobody missed statement {statement.replace(':', ', number ')}; relying on it: {statements[statement]}"
            )
    print(f"{sum(missed)} of {len(missed)} statements taken away made a test fail")
    return 0 if all(missed) else 1


if __name__ == "__main__":
    sys.exit(main())
