"""Process the notes of trials, one after the other: `workflows.admission.trial.action` returns what to do, and this module does it."""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from functions.reconciliation.end_trials.removal import remove
from functions.shared import trials
from functions.shared.admissions import OPEN, Admissions
from functions.shared.objects import StoredObject
from functions.shared.observability import logger
from workflows.admission.trial import Action, Trial, TrialInvalid, action
from workflows.errors import GatehouseError


class Ended(Struct, frozen=True, kw_only=True):
    """The CA certificate ids of the trials that were ended, and of those whose admission is still open."""

    ended: list[str]
    waiting: list[str]


def end_each(bucket: str, admissions: Admissions, at: datetime) -> tuple[Ended, list[GatehouseError]]:
    """Continues after a fault; returns and logs each fault. Raises `AwsUnavailable`, `AccessRefused` if the notes cannot be read."""
    result, faults = Ended(ended=[], waiting=[]), list[GatehouseError]()
    for entry in trials.every(bucket):
        try:
            if isinstance(entry, TrialInvalid):
                raise entry
            trial, note = entry
            done = _end(trial, note, bucket, admissions, at)
        except GatehouseError as error:
            logger.error("%s: %s", type(error).__name__, error)
            faults.append(error)
            continue
        if done == "wait":
            result.waiting.append(trial.ca_certificate_id)
        elif done != "leave":
            result.ended.append(trial.ca_certificate_id)
    return result, faults


def _end(trial: Trial, note: StoredObject, bucket: str, admissions: Admissions, at: datetime) -> Action:
    """Returns what was done. Raises `TrialInvalid`, `TrialNotRemoved`, `AwsUnavailable`, `AccessRefused`."""
    if not trial.is_due(at):  # most notes are of trials that ended long ago: nothing is read for them
        return "leave"
    admission = admissions.find(trial.certificate_id)
    done = action(trial, at, is_open=admission is not None and admission.outcome == OPEN)
    if done in ("remove", "end"):
        remove(trial, bucket)
        admissions.mark_trial(trial.certificate_id)
    if done == "end":
        trials.change(bucket, note, replace(trial, ended_at=at))
    return done
