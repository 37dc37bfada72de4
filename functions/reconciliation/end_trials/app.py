"""End the trials of `gatehouse doctor --knock`: those whose command is done, and those that have lasted too long."""

from msgspec import Struct

from functions.reconciliation.end_trials.ending import end
from functions.shared import clock, trials
from functions.shared.admissions import Admissions
from functions.shared.handlers import triggered
from functions.shared.observability import logger
from functions.shared.settings import settings
from workflows.admission.trial import TrialInvalid
from workflows.errors import GatehouseError


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    crl_bucket: str


class Ended(Struct, frozen=True, kw_only=True):
    """The CA certificate ids of the trials that are ended, and of those whose admission is still open."""

    ended: list[str]
    waiting: list[str]


@triggered
def handler() -> Ended:
    """On a schedule, and when `gatehouse doctor --knock` asks. The notes say what is to be ended. Safe to repeat.

    Goes on with the other notes after a fault of one, and raises the first fault at the end: `TrialInvalid` for a note that proves no
    trial, `TrialNotRemoved`, `AwsUnavailable`, `AccessRefused`. The log has each.
    """
    used, at = settings(Settings), clock.now()
    admissions, result, faults = Admissions(used.admissions_table), Ended(ended=[], waiting=[]), list[GatehouseError]()
    for found in trials.every(used.crl_bucket):
        try:
            if isinstance(found, TrialInvalid):
                raise found
            trial, note = found
            done = end(trial, note, used.crl_bucket, admissions, at)
        except GatehouseError as error:
            logger.error("%s: %s", type(error).__name__, error)
            faults.append(error)
            continue
        if done == "wait":
            result.waiting.append(trial.ca_certificate_id)
        elif done != "leave":
            result.ended.append(trial.ca_certificate_id)
    if faults:
        raise faults[0]
    return result
