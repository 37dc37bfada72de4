"""Start of each step's function in a fresh process, against a bare script that makes the same clients and the same calls.

One admission runs through the real state machine; the calls of each step to AWS and AWS's answers are recorded. Then each step is started
again and again in a new process: the interpreter, its imports, and its first call, which a stub on 127.0.0.1 answers from the recording.
In between, the bare script does the same: it imports boto3, makes the same clients, and makes the same calls. Both are measured in seconds
of the processor, which other processes disturb least; the figure is the median of the pairs' ratios.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from msgspec import Struct

from bench.measure import Row, at_most
from bench.starts import Answer, Start, recorded
from gatehouse.stack import artifact

ROUNDS = 7
BAR = 1.3
USUAL = "claim_admission"
"""The step whose calls are also made after the usual imports, and that is also started from the artifact's packages."""
REPOSITORY = Path(__file__).parents[1]


class Found(Struct, frozen=True, kw_only=True):
    """Medians of a step's starts, in seconds of the processor; `times` is the median of the pairs' ratios."""

    ours: float
    bare: float
    times: float
    usual: float | None


def rows(rounds: int = ROUNDS) -> list[Row]:
    """Lines of the table of ``make bench``: the slowest step has a bar, the others are for information."""
    found = measure(rounds)
    worst = max(found, key=lambda step: found[step].times)
    told = [Row(name=f"- {step}", value=one.times, unit="times") for step, one in found.items()]
    usual = [
        Row(
            name="- bare boto3 after the usual imports, doing nothing with them",
            value=one.usual / one.bare,
            unit="times",
        )
        for one in found.values()
        if one.usual is not None
    ]
    alone = from_artifact(rounds)
    sdk = [
        Row(name=f"- start of {USUAL} from the artifact's packages, {kind}", value=seconds, unit="s of processor")
        for kind, seconds in alone.items()
    ]
    return [
        at_most(
            f"start of a step's function, the slowest ({worst}), against bare boto3", found[worst].times, "times", BAR
        ),
        *told,
        *usual,
        *sdk,
    ]


def measure(rounds: int) -> dict[str, Found]:
    """Start every step `rounds` times, each followed by its bare counterpart."""
    steps = recorded()
    seconds: dict[str, dict[str, list[float]]] = {step: {"ours": [], "bare": [], "usual": []} for step in steps}
    with TemporaryDirectory() as folder:
        for step, start in steps.items():
            Path(folder, step).write_bytes(msgspec.json.encode(start))
        for _ in range(rounds):
            for step, start in steps.items():
                for kind in ("ours", "bare", "usual") if step == USUAL else ("ours", "bare"):
                    with answering(start.answers) as endpoint:
                        seconds[step][kind].append(_run(kind, Path(folder, step), start, endpoint))
    return {step: _found(**taken) for step, taken in seconds.items()}


def from_artifact(rounds: int) -> dict[str, float]:
    """Seconds of the processor for a start from the artifact's packages, with its SDK: "with bytecode" and "without".

    The bar against bare boto3 cannot see what both sides pay. The packages are this machine's; those of Lambda run on arm64 only.
    """
    start = recorded()[USUAL]
    seconds: dict[str, list[float]] = {"with bytecode": [], "without bytecode": []}
    with TemporaryDirectory() as scratch:
        recording = Path(scratch, USUAL)
        recording.write_bytes(msgspec.json.encode(start))
        places = {kind: Path(scratch, kind.replace(" ", "-")) for kind in seconds}
        for kind, place in places.items():
            artifact.install(REPOSITORY, place)
            artifact.assemble(REPOSITORY, place, sys.executable if kind == "with bytecode" else None)
        for _ in range(rounds):
            for kind, place in places.items():
                with answering(start.answers) as endpoint:
                    seconds[kind].append(_run("ours", recording, start, endpoint, place))
    return {kind: statistics.median(taken) for kind, taken in seconds.items()}


def _found(ours: list[float], bare: list[float], usual: list[float]) -> Found:
    return Found(
        ours=statistics.median(ours),
        bare=statistics.median(bare),
        times=statistics.median(one / other for one, other in zip(ours, bare, strict=True)),
        usual=statistics.median(usual) if usual else None,
    )


@contextmanager
def answering(answers: list[Answer]) -> Iterator[str]:
    """A stub of AWS that returns these answers, one after the other. Yields its address."""
    left = iter(answers)

    class Stub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = next(left)
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    unasked = sum(1 for _ in left)
    if unasked:
        raise AssertionError(f"{unasked} of {len(answers)} calls were not made: it did not do what was recorded")


def _run(kind: str, recording: Path, start: Start, endpoint: str, packages: Path | None = None) -> float:
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": endpoint,
        "PYTHONPATH": os.pathsep.join(map(str, filter(None, (packages, REPOSITORY)))),
        **({"PYTHONDONTWRITEBYTECODE": "1"} if packages else {}),  # the folder of a Lambda's code is read-only
        **start.environment,
    }
    code = f"from bench.start_one import {kind}; {kind}({str(recording)!r})"
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise AssertionError(f"{kind} {recording.name}: {run.stderr}")
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return float(answer["seconds"])


if __name__ == "__main__":
    for name, found in measure(int((sys.argv[1:] or [str(ROUNDS)])[0])).items():
        print(f"{name:24}ours {found.ours * 1000:6.0f} ms   bare {found.bare * 1000:6.0f} ms   {found.times:.2f} times")
