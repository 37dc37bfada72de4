"""End the trials of `gatehouse doctor --knock`: those whose command has ended, and those that have lasted too long."""

from msgspec import Struct

from functions.reconciliation.end_trials.ending import Ended, end_each
from functions.shared import clock
from functions.shared.admissions import Admissions
from functions.shared.handlers import triggered
from functions.shared.settings import settings


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    crl_bucket: str


@triggered
def handler() -> Ended:
    """On a schedule, and when `gatehouse doctor --knock` invokes it. The notes say which trials to end. Repeatable.

    Continues with the other notes after a fault of one, and raises the first fault at the end: `TrialInvalid` for a note that proves no
    trial, `TrialNotRemoved`, `AwsUnavailable`, `AccessRefused`. The log has each fault.
    """
    environment = settings(Settings)
    ended, faults = end_each(environment.crl_bucket, Admissions(environment.admissions_table), clock.now())
    if faults:
        raise faults[0]
    return ended
