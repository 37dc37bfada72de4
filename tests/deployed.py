"""``template.yaml``, read as tests read it."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]


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


@cache
def template() -> dict[str, Any]:
    """Not to be changed by who reads it. Parsing takes a second, so it is done once."""
    return yaml.load((ROOT / "template.yaml").read_text(), _Loader)  # type: ignore[no-any-return]  # noqa: S506 - a SafeLoader with tags
