"""Check a list that was handed in and make it the current one. A list that breaks a rule is stored separately, with the reason."""

from datetime import timedelta

from msgspec import Struct

from functions.revocation.publish_crl import handed_in, results
from functions.revocation.publish_crl.publishing import publish
from functions.shared import clock, sweeps
from functions.shared.event_bus import EventBus
from functions.shared.handlers import on_event
from functions.shared.observability import count
from functions.shared.settings import limits, settings
from workflows.revocation.current_lists import Result
from workflows.revocation.publication import Limits, Rejected


class Settings(Struct, frozen=True, kw_only=True):
    crl_bucket: str
    event_bus_name: str
    sweep_machine_arn: str


@on_event(handed_in.key_of)
def handler(key: str) -> Result:
    """On S3's *Object Created* below ``incoming/``. The result is also stored beside the list. Repeatable.

    The sweep finds the certificates that the list newly revokes. Raises AwsUnavailable, AccessRefused; BadInput for any other event.
    """
    environment, at, bounds = settings(Settings), clock.now(), limits().crl
    bucket = environment.crl_bucket
    allowed = Limits(max_age=timedelta(days=bounds.max_age_days), max_size=bounds.max_size_mb * 1_000_000)
    given = handed_in.read(bucket, key, allowed.max_size)
    judged = given if isinstance(given, Rejected) else publish(bucket, given, at, allowed)
    if isinstance(judged, Rejected):
        kept = results.keep_aside(bucket, key, judged, at)
        EventBus(environment.event_bus_name).put(results.rejection(kept))
        count("CrlRejected")
        return kept
    count("CrlAccepted")
    sweep = sweeps.start(environment.sweep_machine_arn, judged) if judged.sweep_is_owed else None
    return results.accept(bucket, key, judged, sweep, at)
