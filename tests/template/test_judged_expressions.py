"""Every JSONata expression of both machines is of the JSONata that Step Functions runs: 2.0.6 without ``$eval``, ``??`` and ``?:``.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html. The local cloud reads them with the same parser
(`gatehouse/local_cloud/jsonata_version.py`).
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from gatehouse.local_cloud import jsonata_version
from tests.template import transformed

MACHINES = ("AdmissionStateMachine", "SweepStateMachine")


def expressions(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every expression in a definition, with its place."""
    if isinstance(value, str) and value.startswith("{%") and value.endswith("%}"):
        yield place, value.removeprefix("{%").removesuffix("%}").strip()
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from expressions(part, f"{place}/{name}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from expressions(part, f"{place}/{number}")


@pytest.mark.parametrize("machine", MACHINES)
def test_every_expression_is_parsed(machine: str) -> None:
    definition = transformed.template()["Resources"][machine]["Properties"]["Definition"]
    found = list(expressions(definition))
    assert len(found) > 20
    for place, expression in found:
        try:
            jsonata_version.parse(expression)
        except ValueError as error:
            pytest.fail(f"{place}: {expression}: {error}")


@pytest.mark.parametrize("expression", ["$eval('1')", "$a ?? 1", "$a ?: 1", "1 +", "($a"])
def test_what_step_functions_lacks_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=re.escape(expression)):
        jsonata_version.parse(expression)


def test_a_half_expression_is_no_expression_and_is_not_in_a_machine() -> None:
    """Step Functions takes a value for an expression only if it begins and ends so; anything else is text, with no error."""
    for machine in MACHINES:
        for text in texts(transformed.template()["Resources"][machine]["Properties"]["Definition"]):
            assert text.startswith("{%") == text.endswith("%}"), text
            assert "{%" not in text[2:], text


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts(part)
