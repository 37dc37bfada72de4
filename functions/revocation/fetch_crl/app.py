"""Fetch the lists in the operator's configuration, and hand them in. An address from a device's certificate is never used."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from typing import Literal

from msgspec import Struct

from functions.revocation.fetch_crl.addresses import Reach
from functions.revocation.fetch_crl.fetching import fetch
from functions.shared import clock
from functions.shared.aws import client
from functions.shared.handlers import Context, triggered
from functions.shared.observability import count, logger
from functions.shared.settings import CONFIGURATION, limits, settings
from workflows.errors import GatehouseError
from workflows.revocation import sources
from workflows.revocation.sources import Source

AT_ONCE = 4
"""Number of sources fetched at the same time. Each may have a list of ``max_size_mb`` in memory."""

RESERVE = 60.0
"""Seconds reserved for the work after the downloads: handing in the last list, and the metrics."""


class Settings(Struct, frozen=True, kw_only=True):
    crl_bucket: str


class Fetched(Struct, frozen=True, kw_only=True):
    """The result for each CA: what `fetch` returns, or ``failed``."""

    status: Literal["fetched"] = "fetched"
    ends: dict[str, str]


@cache
def configured() -> tuple[Source, ...]:
    """Raises `ConfigurationInvalid`."""
    return sources.load((CONFIGURATION / "crl.toml").read_text(encoding="utf-8"))


@triggered
def handler(context: Context) -> Fetched:
    """On a schedule. Each source has its own share of the time, so one that is slow or fails does not affect the others. If it keeps
    failing, the alarm on freshness is raised. Raises AwsUnavailable, AccessRefused, after every source was tried.
    """
    bucket, max_size = settings(Settings).crl_bucket, limits().crl.max_size_mb * 1_000_000
    configured_sources, at = configured(), clock.now()
    client("s3")  # created once, before several threads need it
    share = (context.get_remaining_time_in_millis() / 1000 - RESERVE) / max(1, -(-len(configured_sources) // AT_ONCE))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda source: _fetch(bucket, source, at, max_size, share), configured_sources))
    ends = {
        source.ca: "failed" if isinstance(end, GatehouseError) else end
        for source, end in zip(configured_sources, results, strict=True)
    }
    faults = [end for end in results if isinstance(end, GatehouseError)]
    count("CrlFetchFailed", len(faults) + results.count("failed"))
    if faults:
        raise faults[0]
    return Fetched(ends=ends)


def _fetch(bucket: str, source: Source, at: datetime, max_size: int, share: float) -> str | GatehouseError:
    """Returns the result, or the error that it failed with, so that no source stops the others."""
    try:
        return fetch(bucket, source, at, max_size=max_size, reach=Reach(private=source.private), share=share)
    except GatehouseError as error:
        logger.warning("%s: %s", type(error).__name__, error, extra={"ca": source.ca})
        return error
