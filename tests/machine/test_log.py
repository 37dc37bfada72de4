"""What a run leaves in the log: every line of every step says which certificate and which execution."""

import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions.shared.observability import logger
from tests.machine import harness
from tests.machine.conftest import Fleet
from tests.machine.test_paths import raising
from tests.machine.test_people import Case
from workflows.admission.errors import PolicyRefused

Lines = dict[str, list[dict[str, Any]]]


@pytest.fixture
def lines(fleet: Fleet) -> Iterator[Lines]:
    """Each step's lines, as Lambda hands them to CloudWatch."""
    written: Lines = defaultdict(list)
    stream = io.StringIO()

    def reading(step: str) -> harness.Fault:
        def around(_: dict[str, Any], call: Callable[[], Any]) -> Any:
            stream.seek(0)
            stream.truncate()
            try:
                return call()
            finally:
                written[step] += [json.loads(line) for line in stream.getvalue().splitlines()]

        return around

    before = logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
    fleet.machine.faults.update({harness.folder(step): reading(harness.folder(step)) for step in harness.STEPS})
    yield written
    logger.registered_handler.setStream(before)  # type: ignore[attr-defined]


def said(lines: Lines) -> dict[str, set[tuple[str, str]]]:
    return {step: {(line["certificate_id"], line["execution"]) for line in found} for step, found in lines.items()}


def test_every_line_of_a_run_with_people_is_found_by_certificate_and_by_execution(fleet: Fleet, lines: Lines) -> None:
    case = Case(fleet)
    arn = case.asks()
    case.approved(arn)
    assert case.ends(arn).output["outcome"] == "admitted"
    steps = {harness.folder(step) for step in harness.STEPS} - {"refuse_certificate", "roll_back"}
    assert said(lines) == {step: {(case.certificate_id, arn)} for step in steps}


def test_so_is_every_line_of_one_that_ends_otherwise(fleet: Fleet, lines: Lines) -> None:
    refused, undone = fleet.device("pump-0001"), fleet.device("pump-0003")
    fleet.expect("pump-0003")
    fleet.publish_list(refused, number=2)
    for certificate, last in ((refused, "refuse_certificate"), (undone, "roll_back")):
        lines.clear()
        if last == "roll_back":
            fleet.machine.faults["attach_policy"] = raising(PolicyRefused("never"))
        run = fleet.knocks(certificate)
        assert last in lines
        assert said(lines) == {step: {(fleet.event(certificate)["certificateId"], run.arn)} for step in lines}
