"""From the last release's template to this one: what CloudFormation can do in one update of a stack."""

from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests import deployed, releases

BEFORE: dict[str, Any] = yaml_parse(releases.read("template.yaml").decode())
TABLES = [name for name, one in BEFORE["Resources"].items() if one["Type"] == "AWS::DynamoDB::Table"]


def now(name: str) -> dict[str, Any]:
    found: dict[str, Any] = deployed.template()["Resources"].get(name, {}).get("Properties", {})
    return found


def indexes(table: dict[str, Any]) -> dict[str, Any]:
    return {one["IndexName"]: one for one in table.get("GlobalSecondaryIndexes", ())}


@pytest.mark.parametrize("name", TABLES)
def test_one_index_of_a_table_is_made_or_deleted_at_most(name: str) -> None:
    """A second one fails the update, and a changed one has to be deleted first.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
    """
    if not now(name):
        return  # the table is deleted as a whole
    before, after = indexes(BEFORE["Resources"][name]["Properties"]), indexes(now(name))
    assert len(before.keys() ^ after.keys()) <= 1
    changed = [index for index in before.keys() & after.keys() if before[index] != after[index]]
    assert changed == [], "CloudFormation cannot change an index: give the new one another name"


@pytest.mark.parametrize("name", TABLES)
def test_no_table_that_is_retained_is_replaced(name: str) -> None:
    """Another key, or a name, makes a new and empty table, and leaves the old one behind."""
    before = BEFORE["Resources"][name]
    if before.get("DeletionPolicy") != "Retain":
        return
    assert now(name)["KeySchema"] == before["Properties"]["KeySchema"]
    assert now(name).get("TableName") == before["Properties"].get("TableName")


def test_no_output_of_the_last_release_is_gone() -> None:
    """Commands of the last release, and scripts of operators, ask for them by name."""
    assert BEFORE["Outputs"].keys() <= deployed.template()["Outputs"].keys()


def test_a_parameter_that_is_new_has_a_default() -> None:
    """`sam deploy` with the values of last time goes on working, and no value of last time is refused."""
    parameters = deployed.template()["Parameters"]
    assert [name for name in parameters.keys() - BEFORE["Parameters"].keys() if "Default" not in parameters[name]] == []
    assert BEFORE["Parameters"].keys() <= parameters.keys()
