"""One trial: what is to be done with it is `workflows.admission.trial.action`; here it is done."""

from datetime import datetime

from msgspec.structs import replace

from functions.reconciliation.end_trials.removal import remove
from functions.shared import trials
from functions.shared.admissions import OPEN, Admissions
from functions.shared.objects import Found
from workflows.admission.trial import Action, Trial, action


def end(trial: Trial, note: Found, bucket: str, admissions: Admissions, at: datetime) -> Action:
    """Returns what was done. The record of its admission is marked with what is still there, so it is read before anything is removed.

    Raises `TrialInvalid`, `TrialNotRemoved`, `AwsUnavailable`, `AccessRefused`.
    """
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
