"""End the trials of `gatehouse doctor --knock`: those whose command is done, and those that have lasted too long."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from functions.reconciliation.end_trials.removal import remove
from functions.shared import clock, trials
from functions.shared.admissions import OPEN, Admissions
from functions.shared.objects import Found
from functions.shared.observability import logger, observed
from functions.shared.settings import settings
from workflows.admission.trial import Trial, TrialInvalid
from workflows.errors import GatehouseError


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    crl_bucket: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """On a schedule, and when `gatehouse doctor --knock` asks. The notes say what is to be ended; the event is not read.

    Returns the CA certificate ids of the trials that are ended, and of those whose admission is still open. Safe to repeat.
    Goes on with the other notes after a fault of one, and raises the first fault at the end: `TrialInvalid` for a note that proves no
    trial, `TrialNotRemoved`, `AwsUnavailable`, `AccessRefused`. The log has each.
    """
    used, at = settings(Settings), clock.now()
    ended, waiting, faults = list[str](), list[str](), list[GatehouseError]()
    for found in trials.every(used.crl_bucket):
        try:
            if isinstance(found, TrialInvalid):
                raise found
            trial, note = found
            if trial.is_due(at):
                (ended if _end(trial, note, used, at) else waiting).append(trial.ca_certificate_id)
        except GatehouseError as error:
            logger.error("%s: %s", type(error).__name__, error)
            faults.append(error)
    if faults:
        raise faults[0]
    return {"ended": ended, "waiting": waiting}


def _end(trial: Trial, note: Found, used: Settings, at: datetime) -> bool:
    """False if its admission is still open: its record is marked with what is still there."""
    admissions = Admissions(used.admissions_table)
    admission = admissions.find(trial.certificate_id)
    if admission is not None and admission.outcome == OPEN and not trial.is_late(at):
        return False
    remove(trial, used.crl_bucket)
    admissions.mark_trial(trial.certificate_id)
    if trial.is_settled(at):
        trials.change(used.crl_bucket, note, replace(trial, ended_at=at))
    return True
