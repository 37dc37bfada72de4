"""Compare the pace in ``config/limits.toml`` with the account's quotas."""

import math
import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

_PACED = ("DescribeCertificate", "UpdateCertificate")
"""The operations for which an admission takes a turn. Each has its own quota, in calls a second."""

TRANSITIONS = 14
"""State transitions of an admission without people (``docs/deploying.md``)."""

WASTES = 1.5
"""From a quota of this many times the pace on, a higher pace is advised."""


CONCURRENT = 5
"""Concurrent function calls for each admission a second. Eight calls of about 0.15 s, one of which waits half a second for its turn, make
1.7; the rest is for cold starts, sweeps and people."""


class Judged(Struct, frozen=True, kw_only=True):
    """`wrong`: AWS would throttle. `warning`: the quota is not used in full, or not known."""

    state: Literal["ok", "warning", "wrong"]
    said: str
    advice: str = ""


def operation_quota(named: Mapping[str, float], operation: str) -> float | None:
    """The quota of one operation among quotas by name. AWS words the names freely, so the operation is searched in them.

    A quota with *burst* or *bucket* in its name is the size of the bucket and not the rate.
    """
    found = [
        value
        for name, value in named.items()
        if re.search(rf"\b{operation}\b", name) and not re.search(r"burst|bucket", name, re.IGNORECASE)
    ]
    return min(found, default=None)


def judge(iot: Mapping[str, float], states: Mapping[str, float], calls_per_second: float) -> Judged:
    """Whether the pace is above the account's quotas, or leaves much of them unused. Both are quotas by name.

    AWS IoT Core's quotas limit the pace; Step Functions' quota must allow the transitions of as many admissions.
    """
    quotas = {operation: operation_quota(iot, operation) for operation in _PACED}
    quotas["StateTransition"] = operation_quota(states, "StateTransition")
    known = {operation: quota for operation, quota in quotas.items() if quota is not None}
    missing = [operation for operation in quotas if operation not in known]
    if missing:
        among = f"{len(iot)} of AWS IoT Core and {len(states)} of Step Functions"
        said = f"Service Quotas lists no quota of {' or '.join(missing)} among {among}"
        advice = "Look at the quotas in AWS's console, and set calls_per_second in config/limits.toml to the least of AWS IoT Core's."
        return Judged(state="warning", said=said, advice=advice)
    most = min(known["DescribeCertificate"], known["UpdateCertificate"], known["StateTransition"] / TRANSITIONS)
    said = f"{calls_per_second:g} calls a second; quotas: {', '.join(f'{name} {quota:g}' for name, quota in known.items())}"
    if calls_per_second > most:
        advice = f"AWS throttles above {most:g}. Set calls_per_second in config/limits.toml to {most:g} and deploy."
        return Judged(state="wrong", said=said, advice=advice)
    if calls_per_second * WASTES <= most:
        advice = f"Bursts can be faster: set calls_per_second in config/limits.toml up to {most:g} and deploy."
        return Judged(state="warning", said=said, advice=advice)
    return Judged(state="ok", said=said)


def judge_concurrency(unreserved: int, calls_per_second: float) -> Judged:
    """Whether as many functions may run at once as the pace needs. A new account has 10 and not 1,000.

    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    needed = math.ceil(CONCURRENT * calls_per_second)
    said = f"{unreserved} functions may run at once; {calls_per_second:g} admissions a second need about {needed}"
    if unreserved >= needed:
        return Judged(state="ok", said=said)
    advice = (
        "Nothing fails because of this: executions wait and try again. Ask for more (Service Quotas, AWS Lambda, Concurrent executions), "
        f"or set calls_per_second in config/limits.toml to {max(1, unreserved // CONCURRENT)} and deploy."
    )
    return Judged(state="warning", said=said, advice=advice)
