"""Measure how fresh the lists are, for the alarm, and start each sweep again that is not done."""

import math
from datetime import timedelta
from typing import Literal

from msgspec import Struct

from functions.revocation.watch_lists.owed import start_owed
from functions.shared import ca_orders, clock, current_lists
from functions.shared.handlers import triggered
from functions.shared.observability import count, logger
from functions.shared.settings import limits, settings
from workflows.revocation.publication import Limits


class Settings(Struct, frozen=True, kw_only=True):
    crl_bucket: str
    sweep_machine_arn: str


class Watched(Struct, frozen=True, kw_only=True):
    """`hours_left` until each issuer's list becomes stale, by issuer key. `started` are the ARNs of the executions that were started."""

    status: Literal["watched"] = "watched"
    hours_left: dict[str, float]
    started: list[str]


@triggered
def handler() -> Watched:
    """On a schedule. Raises CurrentListsInvalid, OrderInvalid, AwsUnavailable, AccessRefused. A missing measurement raises an alarm too."""
    environment, at = settings(Settings), clock.now()
    allowed = Limits(max_age=timedelta(days=limits().crl.max_age_days))
    found = list(current_lists.every(environment.crl_bucket))
    hours = {one.issuer_key: left for one in found if (left := one.hours_left(at, allowed)) is not None}
    for issuer_key, left in hours.items():
        logger.info("freshness", extra={"issuer_key": issuer_key, "hours_left": left})
    count("CrlIssuers", len(found))
    if hours:
        count("CrlHoursLeft", math.floor(min(hours.values())))
    # Orders are read last: an order that cannot be read must not prevent the measurement of the lists.
    revoked = list(ca_orders.every_owed(environment.crl_bucket))
    started = start_owed(found, revoked, environment.sweep_machine_arn, at)
    return Watched(hours_left=hours, started=started)
