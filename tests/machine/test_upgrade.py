"""From the last release to this code: what runs and what is kept meanwhile goes on.

An execution keeps the state machine's text that it started with, and calls the functions that are deployed now
(https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-version.html).
"""

import re
from importlib import import_module
from typing import Any

import msgspec
import pytest

from functions.shared.admissions import Admission
from tests import releases
from tests.machine.ways import MORE_WAYS, WAYS, Way, gate
from workflows.admission import contracts
from workflows.admission.contracts import DeviceRecord
from workflows.admission.inventory import Binding
from workflows.approval.request import Request
from workflows.canonical import canonical
from workflows.evidence import record

EXAMPLES = releases.recorded()


@pytest.mark.parametrize("way", [*WAYS, *MORE_WAYS], ids=lambda way: way.name.replace(" ", "-"))
def test_an_execution_of_the_last_release_ends_under_this_one(way: Way) -> None:
    with gate(releases.definition("statemachine.asl.json")) as made:
        device = made.arrives(way)
        walk = made.knocks(device)
        if walk.status == "WAITING" and way.decide is not None:
            way.decide(made, walk, device)
        assert (made.row(device)["outcome"], made.fleet.status(device.certificate)) == (way.outcome, way.status)


def test_an_execution_that_failed_under_the_last_release_is_redriven_under_this_one() -> None:
    """As an operator does after the deployment that mends it."""
    with gate(releases.definition("statemachine.asl.json")) as made:
        device = made.arrives(WAYS[0])
        broken = True

        def around(_walk: Any, step: str, call: Any) -> Any:
            if step == "attach_policy" and broken:
                raise RuntimeError("what the last release did wrong")
            return call()

        made.around = around
        walk = made.knocks(device)
        assert (walk.status, made.row(device)["outcome"]) == ("FAILED", "failed")
        broken = False
        made.goes(walk, walk.redrive)
        assert (made.row(device)["outcome"], made.fleet.status(device.certificate)) == ("admitted", "ACTIVE")


def contract(name: str) -> Any:
    module, _, kind = name.rpartition(".")
    return getattr(import_module(module), kind)


READ = [name for name in EXAMPLES if name.startswith("workflows.")]


@pytest.mark.parametrize("name", READ)
def test_what_the_last_release_handed_to_a_function_is_read_by_this_one(name: str) -> None:
    """Steps that are retried, redriven or woken were given what the last release wrote."""
    for example in EXAMPLES[name]:
        contracts.read(contract(name), example)


def test_every_step_of_the_last_release_has_an_example() -> None:
    """A contract that no way reaches would be held by nothing. A step that is newer than the release was given nothing by it."""
    text = releases.read("workflows/admission/contracts.py").decode()
    steps = set(re.findall(r"^class (\w+Input)\(", text, re.MULTILINE))
    assert len(steps) > 10
    assert {name.rpartition(".")[2] for name in READ} >= steps


ROWS: dict[str, tuple[Any, ...]] = {"Admissions": (Admission,), "Inventory": (DeviceRecord, Binding)}


@pytest.mark.parametrize("table", ROWS)
def test_a_row_that_the_last_release_wrote_is_read(table: str) -> None:
    for example in EXAMPLES[f"row {table}"]:
        assert any(_reads(kind, example) for kind in ROWS[table]), example


def test_a_request_for_approval_of_the_last_release_is_read() -> None:
    requests = [example for example in EXAMPLES["row Approvals"] if example["item"] == "request"]
    assert requests
    for example in requests:
        msgspec.convert(example, Request)


def test_a_record_of_the_last_release_is_read_and_says_the_same() -> None:
    for example in EXAMPLES["file records"]:
        read = record.parse(canonical(example))
        assert msgspec.to_builtins(read)["kind"] == example["kind"]
        assert (read.key, read.certificate_id, read.reason) == (
            example["key"],
            example["certificate_id"],
            example["reason"],
        )


def _reads(kind: Any, example: Any) -> bool:
    try:
        msgspec.convert(example, kind)
    except msgspec.ValidationError:
        return False
    return True
