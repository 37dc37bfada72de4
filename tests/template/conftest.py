"""The deployment's texts, read once: the state machine as JSON without duplicate keys, the template with its short tags."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = {key for key in keys if keys.count(key) > 1}
    assert not twice, f"set twice, the first is lost: {twice}"
    return dict(pairs)


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags: ``!Ref X`` is ``{"Ref": "X"}``, ``!GetAtt X.Y`` is ``{"Fn::GetAtt": "X.Y"}``."""


def _tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _tag)


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
    return yaml.load((ROOT / "template.yaml").read_text(), _Loader)  # type: ignore[no-any-return]  # noqa: S506 - a SafeLoader with tags


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return template["Resources"]  # type: ignore[no-any-return]
