"""Sweeps that did not complete: they are started again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from functions.shared import sweeps
from workflows.revocation.ca_revocation import AuthorityRevocation
from workflows.revocation.current_lists import CurrentLists

PATIENCE = timedelta(minutes=30)
"""A sweep that is not done this long after its list was accepted or its CA was revoked is started again; then every hour."""


def start_owed(
    found: Sequence[CurrentLists], revoked: Sequence[AuthorityRevocation], machine_arn: str, at: datetime
) -> list[str]:
    """Start every sweep that is not done and does not run. Returns the ARNs of the executions. Raises `AwsUnavailable`, `AccessRefused`."""
    lists = [
        one
        for lists in found
        for one in lists.slots.values()
        if one.sweep_is_owed and at - one.record.accepted_at >= PATIENCE
    ]
    cas = [one for one in revoked if at - one.at >= PATIENCE]
    running = sweeps.running(machine_arn) if lists or cas else frozenset()
    attempt = f"{at:%Y%m%d%H}"
    return [
        *(sweeps.start(machine_arn, one, attempt) for one in lists if not _runs(sweeps.prefix(one), running)),
        *(sweeps.start_of_authority(machine_arn, one, attempt) for one in cas if not _runs(one.executions, running)),
    ]


def _runs(prefix: str, running: frozenset[str]) -> bool:
    return any(name.startswith(prefix) for name in running)
