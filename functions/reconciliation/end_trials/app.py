"""End the trials of `gatehouse doctor --knock`: those whose command is done, and those that have lasted too long."""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from functions.reconciliation.end_trials.removal import remove
from functions.shared import clock, trials
from functions.shared.admissions import OPEN, Admissions
from functions.shared.observability import logger, observed
from functions.shared.settings import settings
from workflows.admission.trial import TrialInvalid


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    crl_bucket: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """On a schedule, and when `gatehouse doctor --knock` asks. The notes say what is to be ended; the event is not read.

    Returns the CA certificate ids of the trials that are ended, and of those whose admission is still open. Safe to repeat.
    Raises `TrialInvalid` for a note that does not prove a trial, after the others are done;
    `TrialNotRemoved`, `AwsUnavailable`, `AccessRefused`.
    """
    used, at = settings(Settings), clock.now()
    admissions, invalid = Admissions(used.admissions_table), None
    ended, waiting = list[str](), list[str]()
    for found in trials.every(used.crl_bucket):
        if isinstance(found, TrialInvalid):
            logger.error(str(found))
            invalid = found
            continue
        trial, note = found
        if not trial.is_due(at):
            continue
        admission = admissions.find(trial.certificate_id)
        if admission is not None and admission.outcome == OPEN and not trial.is_late(at):
            waiting.append(trial.ca_certificate_id)  # its record is marked with what is still there
            continue
        remove(trial, used.crl_bucket)
        admissions.mark_trial(trial.certificate_id)
        if trial.is_settled(at):
            trials.change(used.crl_bucket, note, replace(trial, ended_at=at))
        ended.append(trial.ca_certificate_id)
    if invalid is not None:
        raise invalid
    return {"ended": ended, "waiting": waiting}
