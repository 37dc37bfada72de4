"""Fetch the lists that the operator's configuration names, and hand them in. An address in a device's certificate is never fetched."""

from functools import cache
from typing import Any

from msgspec import Struct

from functions.revocation.fetch_crl.addresses import Reach
from functions.revocation.fetch_crl.fetching import fetch
from functions.shared import clock
from functions.shared.observability import count, observed
from functions.shared.settings import CONFIGURATION, limits, settings
from workflows.revocation import sources
from workflows.revocation.sources import Source

ENOUGH = 200_000
"""Milliseconds that one source may take: with less left, the rest waits for the next time."""


class Settings(Struct, frozen=True, kw_only=True):
    crl_bucket: str


@cache
def configured() -> tuple[Source, ...]:
    """Raises `ConfigurationInvalid`."""
    return sources.load((CONFIGURATION / "crl.toml").read_text(encoding="utf-8"))


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """On a schedule. One source that fails keeps no other waiting; the alarm on freshness tells if it lasts. Raises AwsUnavailable."""
    bucket, max_size = settings(Settings).crl_bucket, limits().crl.max_size_mb * 1_000_000
    ends: dict[str, str] = {}
    for source in configured():
        if context.get_remaining_time_in_millis() < ENOUGH:
            break
        reach = Reach(private=source.private)
        ends[source.ca] = fetch(bucket, source, clock.now(), max_size=max_size, reach=reach)
    count("CrlFetchFailed", sum(end == "failed" for end in ends.values()))
    return {"status": "fetched", "ends": ends}
