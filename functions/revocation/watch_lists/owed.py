"""Sweeps that did not come to an end: the next one makes them good."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from functions.shared import sweeps
from workflows.revocation.manifest import Manifest

PATIENCE = timedelta(minutes=30)
"""How long after its list was accepted a sweep may be owed before it is started again; then every hour."""


def start_owed(found: Sequence[Manifest], machine_arn: str, at: datetime) -> list[str]:
    """Start every sweep that is owed and does not run; answers the executions. Raises `AwsUnavailable`, `AccessRefused`."""
    owed = [
        one
        for manifest in found
        for one in manifest.slots.values()
        if one.sweep_is_owed and at - one.record.accepted_at >= PATIENCE
    ]
    running = sweeps.running(machine_arn) if owed else frozenset()
    return [
        sweeps.start(machine_arn, one, attempt=f"{at:%Y%m%d%H}")
        for one in owed
        if not any(name.startswith(sweeps.prefix(one)) for name in running)
    ]
