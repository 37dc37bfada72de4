"""The deployment's texts: the template, and the state machine as JSON without duplicate keys."""

import json
from typing import Any

import pytest

from tests import deployed
from tests.deployed import ROOT


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = {key for key in keys if keys.count(key) > 1}
    assert not twice, f"set twice, the first is lost: {twice}"
    return dict(pairs)


@pytest.fixture(scope="session")
def machine() -> dict[str, Any]:
    """``statemachine.asl.json``."""
    return json.loads((ROOT / "statemachine.asl.json").read_text(), object_pairs_hook=_no_duplicates)  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def states(machine: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return machine["States"]  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """``template.yaml``."""
    return deployed.template()


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return template["Resources"]  # type: ignore[no-any-return]
