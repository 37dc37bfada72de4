"""Every side effect of every state with every kind of fault, one recovery each. ``make faults`` tries all recoveries."""

import json
import os
from collections.abc import Callable

import pytest

from tests.conftest import COUNTED
from tests.machine import fault_cases
from tests.machine.ways import WAYS, Way

WHOLE = os.environ.get("GATEHOUSE_FAULTS") == "whole"


def _known(way: Way) -> frozenset[fault_cases.Effects]:
    """The effects of earlier ways: recorded anew, so that each way's test may run alone and on either core."""
    known: set[fault_cases.Effects] = set()
    for earlier in () if WHOLE else WAYS[: WAYS.index(way)]:
        known |= fault_cases.plainly(earlier)[1]
    return frozenset(known)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_no_fault_breaks_a_promise(way: Way, record_property: Callable[[str, object], None]) -> None:
    tally = fault_cases.try_faults((way,), whole=WHOLE, known=_known(way))
    record_property(COUNTED, f"{way.name}: {tally.tried} fault cases tried, {len(tally.broken)} broke a promise")
    assert tally.broken == []


@pytest.mark.parametrize("recovery", ["retry", "redrive"])
@pytest.mark.parametrize("way", [way for way in WAYS if way.outcome == "admitted"], ids=lambda way: way.name)
def test_what_a_list_revokes_meanwhile_ends_revoked_wherever_a_function_ends(
    way: Way, recovery: str, record_property: Callable[[str, object], None]
) -> None:
    tally = fault_cases.try_revocations(way, recovery, known=_known(way))
    record_property(
        COUNTED, f"{way.name}: {tally.tried} revocations tried before a {recovery}, {len(tally.broken)} broke a promise"
    )
    assert tally.broken == []


def test_what_is_active_only_for_a_moment_is_noticed() -> None:
    """A machine that activates what was revoked, and refuses it in the next state."""
    text = fault_cases.definition()
    text["States"]["Is it revoked?"]["Choices"][1]["Next"] = "Look up device"
    text["States"]["Activate certificate"]["Next"] = "Refuse certificate"
    [way] = [one for one in WAYS if one.name == "revoked"]
    with fault_cases.meddling(text) as meddler:
        assert "Activate certificate: is ACTIVE" in fault_cases.travel(meddler, way, None)


def test_a_record_that_somebody_altered_is_noticed() -> None:
    with fault_cases.meddling(fault_cases.definition()) as meddler:
        assert fault_cases.travel(meddler, WAYS[0], None) == []
        at, device = meddler.at, meddler.devices[0]
        where = {"Bucket": "gatehouse-evidence", "Key": at.row(device)["evidence_key"]}
        s3 = at.fleet.client("s3")
        kept: bytes = s3.get_object(**where)["Body"].read()
        signature = json.loads(kept)["signature"]
        altered = (
            signature[:9] + ("A" if signature[9] != "A" else "B") + signature[10:]
        )  # in r: the file keeps its form
        s3.put_object(**where, Body=kept.replace(signature.encode(), altered.encode()))
        assert any(
            "signature" in broken for broken in fault_cases.sealed_rightly(at, at.row(device), device, device.walks[0])
        )


def test_a_promise_that_is_broken_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are worth what they notice: a machine that rolls nothing back, and one that activates what was revoked."""
    text = fault_cases.definition()
    text["States"]["Attach policy"]["Catch"][1]["Next"] = "Seal evidence of the end"
    text["States"]["Is it revoked?"]["Choices"][1]["Next"] = "Look up device"
    for name in ("rolled back", "revoked"):
        [way] = [one for one in WAYS if one.name == name]
        with fault_cases.meddling(text) as meddler:
            assert fault_cases.travel(meddler, way, None) != []
