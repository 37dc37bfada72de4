"""The designs that are compared, step by step. Calls come from a real admission (`bench.walk`), retries from ``statemachine.asl.json``."""

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

from bench.walk import Walk

_STATES: dict[str, Any] = json.loads((Path(__file__).parents[1] / "statemachine.asl.json").read_text())["States"]


class Design(Struct, frozen=True, kw_only=True):
    """`drops_repeats`: the claim gives a certificate to one execution. `paced`: the claim gives out turns. `queued`: knocks go through the
    queue to *start_admissions*; otherwise the rule starts an execution for each, and the claim takes no Lambda."""

    name: str
    drops_repeats: bool
    paced: bool
    queued: bool = True


GATEHOUSE = Design(name="Gatehouse", drops_repeats=True, paced=True)
DIRECT = Design(name="the rule starts the machine", drops_repeats=True, paced=True, queued=False)
ONE_EACH = Design(name="retry only, one execution a device", drops_repeats=True, paced=False)
RETRY_ONLY = Design(name="retry only", drops_repeats=False, paced=False, queued=False)
"""The usual design: every event starts an execution, which first reads the certificate, and ends if it is already ACTIVE."""


class Step(Struct, frozen=True, kw_only=True):
    """`transitions` includes those of the Choices and Waits that follow; `seconds` is the median of its Lambdas without AWS IoT's calls."""

    name: str
    transitions: int
    invocations: int
    seconds: float
    calls: tuple[str, ...] = ()


class Retrier(Struct, frozen=True, kw_only=True):
    """One entry of a state's Retry."""

    attempts: int
    interval: float
    rate: float
    cap: float


def retrier(state: str, error: str) -> Retrier:
    """How `state` retries `error`."""
    for found in _STATES[state]["Retry"]:
        if error in found["ErrorEquals"]:
            return Retrier(
                attempts=found["MaxAttempts"],
                interval=found["IntervalSeconds"],
                rate=found["BackoffRate"],
                cap=found["MaxDelaySeconds"],
            )
    raise LookupError(f"{state} does not retry {error}")


CLAIM, INSPECT, CHECK, ACTIVATE, POLICY, CLOSE = range(6)
STATES = (
    "Claim admission",
    "Inspect certificate",
    "Check CRL",
    "Activate certificate",
    "Attach policy",
    "Seal evidence",
)


def steps(walk: Walk) -> tuple[Step, ...]:
    """Six steps; *check* is the CRL and the inventory, *close* the evidence and the notification."""
    made = (
        Step(name="claim", transitions=3, invocations=1, seconds=0.06),
        Step(name="inspect", transitions=2, invocations=1, seconds=0.06, calls=tuple(walk.iot("inspect_certificate"))),
        Step(name="check", transitions=4, invocations=2, seconds=0.20),
        Step(
            name="activate", transitions=1, invocations=1, seconds=0.08, calls=tuple(walk.iot("activate_certificate"))
        ),
        Step(name="policy", transitions=1, invocations=1, seconds=0.04, calls=tuple(walk.iot("attach_policy"))),
        Step(name="close", transitions=3, invocations=2, seconds=0.25),
    )
    if sum(step.transitions for step in made) != walk.transitions:
        raise AssertionError(
            f"an admission takes {walk.transitions} transitions; the simulation's steps add up to another number"
        )
    return made
