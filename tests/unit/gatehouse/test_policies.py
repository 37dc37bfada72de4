"""`gatehouse policies list|show`: the configured profiles beside what AWS IoT has, and what an operator learns of the difference."""

import json
from pathlib import Path
from typing import Any

import pytest

from gatehouse.policies import iot_policies
from gatehouse.stack import configuration
from gatehouse.stack.target import Target
from tests import aws_environment, pki
from tests.unit.gatehouse.commands import answer, run
from workflows.admission.policies import Policy, load

THING = "${iot:Connection.Thing.ThingName}"
CONNECT = {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"arn:aws:iot:*:*:client/{THING}"}
WIDE = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def document(sid: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Sid": sid, **CONNECT}]}


def profile(name: str, sid: str) -> Policy:
    return load(name, json.dumps(document(sid)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two profiles, ``device`` and ``telemetry``."""
    made = tmp_path / "policies"
    made.mkdir()
    for name in ("device", "telemetry"):
        (made / f"{name}.json").write_text(json.dumps(document("Now"), indent=2))
    monkeypatch.setattr(configuration, "PROFILES", made)
    return made


@pytest.fixture
def iot(target: Target, folder: Path) -> Any:
    assert folder
    return target.client("iot")


def certificate_arn(iot: Any, name: str) -> str:
    issuer = pki.authority()
    device = pki.device(issuer, name)
    registered = aws_environment.register_device(device, issuer, status="ACTIVE")
    described = iot.describe_certificate(certificateId=registered["certificateId"])
    return str(described["certificateDescription"]["certificateArn"])


def listed(*, code: int = 0) -> dict[str, Any]:
    return {one["name"]: one for one in answer("policies", "list", code=code)}


def messages(one: dict[str, Any]) -> str:
    return " ".join(f"{finding['severity']}: {finding['message']}" for finding in one["findings"])


def test_policy_that_no_device_has_needed_yet_is_absent_and_nothing_is_wrong(iot: Any) -> None:
    assert {name: one["document"] for name, one in listed().items()} == {
        profile("device", "Now").name: "absent",
        profile("telemetry", "Now").name: "absent",
    }
    assert "not created until a device needs it" in run("policies", "list").stdout
    assert run("policies", "show", "device").stdout.count("version") == 0


def test_policy_as_gatehouse_makes_it_is_identical_and_its_certificates_are_counted(iot: Any) -> None:
    made = profile("device", "Now")
    iot.create_policy(policyName=made.name, policyDocument=made.text)
    for name in ("pump-1", "pump-2"):
        iot.attach_policy(policyName=made.name, target=certificate_arn(iot, name))
    one = listed()[made.name]
    assert (one["document"], one["standing"], one["can_go"], one["findings"]) == ("identical", "configured", False, [])
    assert (one["deployed"]["attached"]["certificates"], len(one["deployed"]["versions"])) == (2, 1)


def test_text_that_means_the_same_is_equal_and_nothing_is_wrong(iot: Any) -> None:
    made = profile("device", "Now")
    iot.create_policy(policyName=made.name, policyDocument=json.dumps(document("Now"), indent=4))
    assert listed()[made.name]["document"] == "equal"


def test_policy_that_somebody_changed_is_found_with_the_version_that_restores_it(iot: Any) -> None:
    made = profile("device", "Now")
    iot.create_policy(policyName=made.name, policyDocument=made.text)
    iot.create_policy_version(policyName=made.name, policyDocument=json.dumps(WIDE), setAsDefault=True)
    one = listed(code=1)[made.name]
    assert one["document"] == "changed"
    assert f"set-default-policy-version --policy-name {made.name} --policy-version-id 1" in messages(one)
    shown = run("policies", "show", "device", code=1).stdout
    assert '-      "Action": "iot:Connect",' in shown
    assert '+      "Action": "*",' in shown
    assert f"+++ {made.name}, version 2" in shown


def test_policy_whose_document_is_in_no_version_any_more_says_how_to_make_it_again(iot: Any) -> None:
    made = profile("device", "Now")
    iot.create_policy(policyName=made.name, policyDocument=json.dumps(WIDE))
    assert "Make one from config/policies/device.json and set it as default" in messages(listed(code=1)[made.name])


def test_change_of_an_earlier_policy_is_found_by_the_hash_in_its_name(iot: Any) -> None:
    before = profile("device", "Before")
    iot.create_policy(policyName=before.name, policyDocument=json.dumps(WIDE))
    one = listed()[before.name]  # nothing has it: for people to know
    assert (one["standing"], one["document"], one["wanted"]) == ("earlier", "changed", None)
    assert messages(one).startswith("warning: somebody changed it")
    iot.attach_policy(policyName=before.name, target=certificate_arn(iot, "pump-1"))
    assert messages(listed(code=1)[before.name]).startswith("error: somebody changed it")


def test_versions_that_are_not_in_force_are_a_warning(iot: Any) -> None:
    made = profile("device", "Now")
    iot.create_policy(policyName=made.name, policyDocument=made.text)
    iot.create_policy_version(policyName=made.name, policyDocument=json.dumps(WIDE), setAsDefault=False)
    assert messages(listed()[made.name]).startswith("warning: has 2 versions; Gatehouse makes only one")


def test_earlier_policy_can_go_once_nothing_has_it(iot: Any) -> None:
    before, older = profile("device", "Before"), profile("device", "Older")
    for one in (before, older):
        iot.create_policy(policyName=one.name, policyDocument=one.text)
    arn = certificate_arn(iot, "pump-1")
    iot.attach_policy(policyName=before.name, target=arn)
    found = listed()
    assert {name: one["can_go"] for name, one in found.items() if one["standing"] == "earlier"} == {
        before.name: False,
        older.name: True,
    }
    shown = answer("policies", "show", before.name, "--attached")
    assert shown["deployed"]["attached"]["certificate_ids"] == [arn.rpartition("/")[2]]
    assert arn.rpartition("/")[2] in run("policies", "show", before.name, "--attached").stdout


def test_other_peoples_policies_are_none_of_its_business(iot: Any) -> None:
    for name in ("gatehouse-device", "gatehouse-device-0123456789", "fleet-0123456789ab"):
        iot.create_policy(policyName=name, policyDocument=json.dumps(WIDE))
    assert len(listed()) == 2
    assert "device, telemetry" in run("policies", "show", "gatehouse-device", code=2).stderr


def test_profile_that_cannot_be_used_is_told_with_the_others(iot: Any, folder: Path) -> None:
    (folder / "broken.json").write_text("{")
    found = answer("policies", "list", code=1)
    assert [(one["profile"], one["document"]) for one in found] == [
        ("broken", "unusable"),
        ("device", "absent"),
        ("telemetry", "absent"),
    ]
    assert "broken.json, line 1" in run("policies", "show", "broken", code=1).stdout


class Paged:
    """An AWS IoT that hands out a policy and its targets a few at a time; moto hands out all at once, and to certificates only."""

    def __init__(self, policy: Policy, targets: list[str]) -> None:
        self.exceptions = type("Exceptions", (), {"ResourceNotFoundException": KeyError})
        self.pages_read = 0
        self._policy, self._targets = policy, targets

    def get_paginator(self, operation: str) -> Any:
        names = ["other", self._policy.name]
        pages: dict[str, Any] = {
            "list_policies": [{"policies": [{"policyName": name}]} for name in names],
            "list_targets_for_policy": self._pages_of_targets(),
        }
        return type("Paginator", (), {"paginate": lambda *_, **__: iter(pages[operation])})()

    def _pages_of_targets(self) -> Any:
        for start in range(0, len(self._targets), 250):
            self.pages_read += 1
            yield {"targets": self._targets[start : start + 250]}

    def get_policy(self, **_: str) -> dict[str, str]:
        return {"defaultVersionId": "1", "policyDocument": self._policy.text}

    def list_policy_versions(self, **_: str) -> dict[str, Any]:
        return {"policyVersions": [{"versionId": "1", "isDefaultVersion": True}]}


def having(target: Target, targets: list[str]) -> Paged:
    """The target's AWS IoT, with the policy of ``device`` attached so."""
    found = Paged(profile("device", "Now"), targets)
    target._clients["iot"] = found
    return found


@pytest.mark.usefixtures("folder")
def test_thing_group_that_has_a_policy_is_wrong_and_another_principal_a_warning(target: Target) -> None:
    prefix = f"arn:aws:iot:{aws_environment.REGION}:{aws_environment.ACCOUNT}"
    having(target, [f"{prefix}:thinggroup/plant-b", f"{prefix}:cert/{'ab' * 32}", "eu-west-1:0123-identity"])
    one = listed(code=1)[profile("device", "Now").name]
    assert "error: is attached to thing groups (plant-b)" in messages(one)
    assert "warning: is attached to something other than a certificate (eu-west-1:0123-identity)" in messages(one)
    assert one["deployed"]["attached"]["certificates"] == 1


@pytest.mark.usefixtures("folder")
def test_counting_ends_after_a_thousand_unless_all_is_asked_for(target: Target) -> None:
    targets = [f"arn:aws:iot:r:1:cert/{number}" for number in range(1700)]
    aws = having(target, targets)
    assert "1000 or more" in run("policies", "list").stdout
    assert aws.pages_read == 5  # one more than a thousand fill: is there any
    assert answer("policies", "show", "device", "--attached")["deployed"]["attached"]["certificates"] == 1700


@pytest.mark.usefixtures("folder")
def test_exactly_as_many_as_are_counted_is_the_whole(target: Target) -> None:
    having(target, [f"arn:aws:iot:r:1:cert/{number}" for number in range(iot_policies.MOST_COUNTED)])
    assert "or more" not in run("policies", "list").stdout


def test_policy_that_is_deleted_meanwhile_is_absent(target: Target, iot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = profile("device", "Before").name
    monkeypatch.setattr(iot_policies, "names", lambda _: {before, profile("device", "Now").name})
    assert {one["document"] for one in answer("policies", "list")} == {"absent"}
    run("policies", "show", before, code=2)
