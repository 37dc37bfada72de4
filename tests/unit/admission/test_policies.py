"""Profiles that AWS IoT would refuse are refused first; grants beyond the device's own name are found."""

import json
from typing import Any

import pytest

from tests.unit.admission.examples import CONFIG
from workflows.admission.policies import MAX_CHARACTERS, Policy, load, policy_name, wildcards
from workflows.configuration import ConfigurationInvalid

THING = "${iot:Connection.Thing.ThingName}"


def allow(
    action: Any = "iot:Publish", resource: Any = f"arn:aws:iot:*:*:topic/devices/{THING}/*", **more: Any
) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]}


def shipped(profile: str) -> Policy:
    return load(profile, (CONFIG / "policies" / f"{profile}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("profile", sorted(path.stem for path in (CONFIG / "policies").glob("*.json")))
def test_every_shipped_profile_is_the_devices_own(profile: str) -> None:
    policy = shipped(profile)
    assert policy.wildcards == ()
    connect = [statement for statement in policy.document["Statement"] if statement["Action"] == "iot:Connect"]
    assert [statement["Condition"] for statement in connect] == [
        {"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}}
    ]
    assert [statement["Resource"] for statement in connect] == [f"arn:aws:iot:*:*:client/{THING}"]


def test_there_is_a_profile_for_devices_and_a_narrower_one() -> None:
    actions = {
        profile: {
            action
            for part in shipped(profile).document["Statement"]
            for action in [part["Action"]]
            if isinstance(action, str)
        }
        for profile in ("device", "telemetry")
    }
    assert "iot:Subscribe" in actions["device"]
    assert "iot:Subscribe" not in actions["telemetry"]


def test_the_name_carries_the_documents_hash() -> None:
    name = policy_name("device", allow())
    assert name.startswith("gatehouse-device-")
    assert len(name) == len("gatehouse-device-") + 12
    assert name != policy_name("device", allow("iot:Receive"))


def test_the_name_does_not_depend_on_the_order_or_the_spaces() -> None:
    document = allow()
    reordered = {"Statement": [dict(reversed(document["Statement"][0].items()))], "Version": "2012-10-17"}
    assert load("device", json.dumps(document, indent=8)).name == load("device", json.dumps(reordered)).name


@pytest.mark.parametrize(
    "document",
    [
        allow(),
        allow(resource=f"arn:aws:iot:eu-west-1:123456789012:topicfilter/devices/{THING}/#"),
        allow(resource="arn:aws:iot:*:*:topic/fleet/announcements"),
        allow(resource=["arn:aws:iot:*:*:topic/literal-${*}", f"arn:aws:iot:*:*:client/{THING}"]),
        {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}},
    ],
)
def test_the_devices_own_is_no_wildcard(document: dict[str, Any]) -> None:
    assert wildcards(document) == ()


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (allow(action="*"), "action *"),
        (allow(action="iot:*"), "action iot:*"),
        (allow(action=["iot:Publish", "iot:Connec?"]), "action iot:Connec?"),
        (allow(resource="*"), "resource *"),
        (allow(resource="arn:aws:iot:*:*:*"), "resource arn:aws:iot:*:*:*"),
        (allow(resource="arn:aws:iot:*:*:topic/*"), "topic/*"),
        (allow(resource=f"arn:aws:iot:*:*:topic/*/{THING}"), "topic/*/"),
        (allow(resource="arn:aws:iot:*:*:client/${iot:ClientId}*"), "client/"),
        (allow(resource="arn:aws:iot:*:*:topic/${iot:Connection.Thing.ThingTypeName}/*"), "ThingTypeName"),
        (allow(resource="arn:aws:iot:*:*:topicfilter/devices/+/commands"), "topicfilter/devices/+"),
        (allow(resource="arn:aws:iot:*:*:topicfilter/#"), "topicfilter/#"),
        ({"Statement": [{"Effect": "Allow", "NotAction": "iot:Publish", "Resource": "x"}]}, "NotAction"),
        ({"Statement": [{"Effect": "Allow", "Action": "iot:Publish", "NotResource": "x"}]}, "NotResource"),
    ],
)
def test_what_reaches_beyond_the_device_is_found(document: dict[str, Any], found: str) -> None:
    assert any(found in said for said in wildcards(document)), wildcards(document)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1: not valid JSON"),
        ('{\n"Version": "2012-10-17",\n}', "line 3"),
        ("[]", '"Version": "2012-10-17"'),
        (json.dumps(allow() | {"Version": "2008-10-17"}), '"Version": "2012-10-17"'),
        (json.dumps(allow() | {"Statements": []}), "unknown key `Statements`"),
        (json.dumps({"Version": "2012-10-17", "Statement": []}), "no statement"),
        (json.dumps({"Version": "2012-10-17", "Statement": ["x"]}), "expected an object"),
        (json.dumps(allow(Resources="x")), "Did you mean `Resource`?"),
        (
            json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "allow", "Action": "a", "Resource": "r"}]}),
            "`Effect` is 'allow'",
        ),
        (
            json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "r"}]}),
            "expected `Action`",
        ),
        (json.dumps(allow(action=7)), "expected `Action`"),
        (json.dumps(allow(NotAction="iot:Publish")), "expected `Action`"),
        ('{"Version": "2012-10-17", "Version": "2012-10-17"}', "`Version` is there twice"),
        (json.dumps(allow(resource=["x" * 100] * 25)), f"AWS IoT takes at most {MAX_CHARACTERS}"),
    ],
)
def test_what_is_no_policy_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        load("device", text)
    assert says in str(caught.value)
    assert "config/policies/device.json" in str(caught.value)


def test_spaces_do_not_count_towards_the_limit() -> None:
    assert load("device", json.dumps(allow()) + " " * 5000).sha256 == load("device", json.dumps(allow())).sha256


@pytest.mark.parametrize("profile", ["", "../device", "Device", "a b", "x" * 64])
def test_a_profiles_name_is_a_plain_one(profile: str) -> None:
    with pytest.raises(ConfigurationInvalid):
        load(profile, json.dumps(allow()))
