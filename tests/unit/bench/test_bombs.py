"""Lists made to use up memory or time: judged in a process with the function's memory. ``make bombs`` tries them at full size."""

import os

import pytest

from bench import bombs
from bench.measure import fresh
from tests.deployed import template

WHOLE = os.environ.get("GATEHOUSE_BOMBS") == "whole"
OCTETS = bombs.WHOLE if WHOLE else 2_000_000


def test_bombs_are_measured_by_what_the_functions_have() -> None:
    resources = template()["Resources"]
    publish, fetch = (resources[f"{name}CrlFunction"]["Properties"] for name in ("Publish", "Fetch"))
    assert (publish["MemorySize"], publish["Timeout"]) == (bombs.PUBLISH_MB, bombs.PUBLISH_SECONDS)
    assert fetch["MemorySize"] == bombs.FETCH_MB


@pytest.mark.parametrize("bomb", bombs.BOMBS)
def test_attack_a_list_that_is_a_bomb_is_judged_within_memory_and_time(bomb: str) -> None:
    """The functions' processors are about as fast as one of ours; an eighth of the memory is the runtime's."""
    told = bombs.judge(bomb, OCTETS)
    share = 1 if WHOLE else OCTETS / bombs.WHOLE
    assert told["peak_mb"] < 100 + share * (bombs.PUBLISH_MB * 7 / 8 - 100)
    assert told["ms"] < 5_000 + share * bombs.PUBLISH_SECONDS * 500


def test_attack_large_lists_fetched_at_a_time_fit_into_the_function() -> None:
    from functions.revocation.fetch_crl import app

    told = fresh("bench.bombs:fetch_here", app.AT_ONCE, OCTETS)
    assert told["octets"] > 0.9 * app.AT_ONCE * OCTETS
    assert told["peak_mb"] < (bombs.FETCH_MB * 7 / 8 if WHOLE else 150)


def test_only_what_is_no_list_is_turned_away() -> None:
    """The bombs are signed by the CA's key: those that break no rule count, and have to be borne."""
    accepted = {bomb for bomb in bombs.BOMBS if bombs.judge(bomb, 20_000)["accepted"]}
    assert "tiny_entries" in accepted
    assert not accepted & {"nested", "compressed", "names_of_issuers"}
