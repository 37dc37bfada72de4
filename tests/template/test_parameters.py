"""A changed parameter reaches what runs: what is called is a version, and a version keeps the environment that it was published with."""

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests import deployed
from tests.template import transformed

PARAMETERS = deployed.template()["Parameters"]
EXAMPLES = {
    "AccessLogBucket": ["", "logs-of-ours"],
    "ApprovalAlarmHours": ["48", "24"],
    "CrlAlarmHours": ["24", "12"],
    "EvidenceYears": ["10", "12"],
    "HeldAlarmHours": ["72", "24"],
    "MailFrom": ["", "gate@example.com", "door@example.com"],
    "NotificationEmail": ["", "ops@example.com"],
    "OidcClientId": ["", "pages", "others"],
    "OidcCommandLineClientId": ["", "command", "another"],
    "OidcIssuer": ["", "https://one.example.com", "https://two.example.com"],
    "QuietHours": ["0", "8"],
}
"""Values to try of parameters that are not limited to a list."""
SETTINGS: tuple[dict[str, str], ...] = (
    {},
    {"OidcIssuer": "https://idp.example.com", "OidcClientId": "pages", "ConnectionCheck": "ALLOW_UNKNOWN"},
)
"""What the other parameters are meanwhile."""
DESCRIPTION_HOLDS = 256
"""https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html"""


def values_of(parameter: str) -> list[str]:
    """Three at most."""
    return [str(value) for value in PARAMETERS[parameter].get("AllowedValues", ())][:3] or EXAMPLES[parameter]


@cache
def called(**parameters: str) -> dict[str, tuple[Any, Any]]:
    """Of each function that there is: its environment, and what makes its version another one."""
    template = transformed.template(**parameters)
    values, resources = transformed.Values(template, **parameters), template["Resources"]
    found = {}
    for name, resource in resources.items():
        if resource["Type"] != "AWS::Lambda::Function":
            continue
        if "Condition" in resource and not values.holds(resource["Condition"]):
            continue
        version = resources[f"{name}Aliaslive"]["Properties"]["FunctionVersion"]["Fn::GetAtt"][0]
        assert resources[version]["Properties"]["FunctionName"] == {"Ref": name}
        found[name] = (
            values.of(resource["Properties"]["Environment"]),
            (version, values.of(resources[version]["Properties"])),
        )
    return found


@pytest.mark.parametrize("others", SETTINGS, ids=["by default", "with a provider of one's own"])
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_new_version_is_published_exactly_when_the_environment_changes(
    parameter: str, others: dict[str, str]
) -> None:
    """Publishing without a change fails a deployment ("A version for this Lambda function exists"), so each is as wrong as the other."""
    for one, other in pairwise([*values_of(parameter), values_of(parameter)[0]]):
        before, after = called(**others | {parameter: one}), called(**others | {parameter: other})
        for function in before.keys() & after.keys():
            environments, versions = zip(before[function], after[function], strict=True)
            assert (environments[0] != environments[1]) == (versions[0] != versions[1]), (function, one, other)


@pytest.mark.parametrize("parameter", ["MailFrom", "OidcIssuer", "OidcClientId", "OidcCommandLineClientId"])
def test_these_parameters_are_in_an_environment(parameter: str) -> None:
    """The comparison above compares something."""
    first, second = (called(**SETTINGS[1] | {parameter: value}) for value in values_of(parameter)[1:])
    assert any(first[function][0] != second[function][0] for function in first)


def test_what_the_connection_check_says_changes_with_its_condition() -> None:
    allowing, denying = (
        called(ConnectionCheck=value)["ValidateConnectionFunction"] for value in ("ALLOW_UNKNOWN", "DENY_UNKNOWN")
    )
    assert [one[0]["Variables"]["ON_UNKNOWN"] for one in (allowing, denying)] == ["allow", "deny"]
    assert allowing[1] != denying[1]


def test_a_description_holds_the_longest_values() -> None:
    longest = {name: "x" * one["MaxLength"] for name, one in PARAMETERS.items() if "MaxLength" in one}
    ids = {
        "<Approvers>": "p" * 55,
        "<Approvers.ProviderURL>": "u" * 100,
        "<ApproversClient>": "c" * 128,
        "<CommandLineClient>": "c" * 26,
    }
    for issuer in ("", longest["OidcIssuer"]):
        for function, (_, (_, version)) in called(**longest | {"OidcIssuer": issuer}).items():
            text = version.get("Description", "")
            for name, value in ids.items():
                text = text.replace(name, value)
            assert len(text) <= DESCRIPTION_HOLDS, function


def test_no_function_is_called_but_through_its_alias() -> None:
    resources = transformed.template()["Resources"]
    functions = {name for name, one in resources.items() if one["Type"] == "AWS::Lambda::Function"}
    own = {"AWS::Lambda::Version", "AWS::Lambda::Alias"}
    direct = {
        (name, resource["Type"])
        for name, resource in resources.items()
        if resource["Type"] not in own
        for referred in references(resource["Properties"])
        if referred in functions
    }
    assert {kind for _, kind in direct} <= {"AWS::CloudWatch::Alarm", "AWS::Lambda::EventInvokeConfig"}, (
        "an alarm counts what all versions do; what is given up on is configured with the alias as its qualifier"
    )
    assert all(resources[name]["Properties"]["Qualifier"] == "live" for name, kind in direct if "Invoke" in kind)


def test_nothing_that_an_environment_names_is_replaced_by_a_parameter() -> None:
    """A replaced table or bucket has another name, and the text that names it stays the same: no version would be published."""
    template = transformed.template()
    resources = template["Resources"]
    named = {
        referred
        for resource in resources.values()
        if resource["Type"] == "AWS::Lambda::Function"
        for referred in references(resource["Properties"]["Environment"])
        if referred in resources
    }
    assert {"AdmissionsTable", "EvidenceBucket", "Approvers", "ApprovalsApi"} <= named
    for name in named:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(transformed.REGION, resources[name]["Type"]).schema
        for path in schema.get("createOnlyProperties", ()):
            first = path.removeprefix("/properties/").split("/")[0]
            reached = set(references(resources[name]["Properties"].get(first)))
            assert not reached & (PARAMETERS.keys() | template["Conditions"].keys()), (name, first)


def references(value: Any) -> Iterator[str]:
    """What `Ref`, `Fn::GetAtt`, `Fn::Sub` and `Fn::If` in it name."""
    if isinstance(value, list):
        for one in value:
            yield from references(one)
    if not isinstance(value, dict):
        return
    for name, given in value.items():
        match name:
            case "Ref":
                yield given
            case "Fn::GetAtt":
                yield given.split(".")[0] if isinstance(given, str) else given[0]
            case "Fn::If":
                yield given[0]
                yield from references(given[1:])
            case "Fn::Sub":
                text = given if isinstance(given, str) else given[0]
                yield from (part.split("}")[0].split(".")[0] for part in text.split("${")[1:])
                yield from references([] if isinstance(given, str) else given[1])
            case _:
                yield from references(given)
