"""What AWS IoT refuses, the local cloud refuses: limits, final statuses, and deleting what is still attached."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gatehouse.local_cloud.cloud import LocalCloud
from tests.local_cloud.engine.refusals import code_of, refused
from tests.local_cloud.waiting import eventually

pytestmark = pytest.mark.local_cloud

EMPTY = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture(scope="module")
def iot(engine: LocalCloud) -> Any:
    return engine.client("iot")


@pytest.fixture
def certificate(iot: Any) -> dict[str, str]:
    made = iot.create_keys_and_certificate(setAsActive=True)
    return {"id": made["certificateId"], "arn": made["certificateArn"]}


def attributes(number: int) -> dict[str, Any]:
    return {"attributes": {f"a{index}": "x" for index in range(number)}}


def test_a_thing_without_a_thing_type_has_three_attributes_at_most(iot: Any) -> None:
    assert code_of(iot.create_thing, thingName="four", attributePayload=attributes(4)) == "InvalidRequestException"
    iot.create_thing(thingName="three", attributePayload=attributes(3))
    fourth = {"attributes": {"b": "x"}, "merge": True}
    assert code_of(iot.update_thing, thingName="three", attributePayload=fourth) == "InvalidRequestException"
    iot.update_thing(thingName="three", attributePayload={"attributes": {"b": "x", "a0": ""}, "merge": True})
    assert set(iot.describe_thing(thingName="three")["attributes"]) == {"b", "a1", "a2"}


def test_a_thing_with_a_thing_type_has_fifty_and_keeps_it_while_it_has_more_than_three(iot: Any) -> None:
    iot.create_thing_type(thingTypeName="many")
    given = {"thingTypeName": "many"}
    assert (
        code_of(iot.create_thing, thingName="fifty-one", attributePayload=attributes(51), **given)
        == "InvalidRequestException"
    )
    iot.create_thing(thingName="fifty", attributePayload=attributes(50), **given)
    assert code_of(iot.update_thing, thingName="fifty", removeThingType=True) == "InvalidRequestException"


def test_a_thing_type_is_deleted_only_after_it_was_deprecated_for_five_minutes(iot: Any) -> None:
    iot.create_thing_type(thingTypeName="old")
    assert code_of(iot.delete_thing_type, thingTypeName="old") == "InvalidRequestException"
    iot.deprecate_thing_type(thingTypeName="old")
    code, message = refused(iot.delete_thing_type, thingTypeName="old")
    assert (code, "5 minutes" in message) == ("InvalidRequestException", True)
    assert code_of(iot.create_thing, thingName="too-late", thingTypeName="old") == "InvalidRequestException"


def test_a_thing_is_in_ten_groups_and_in_one_of_a_hierarchy(iot: Any) -> None:
    for number in range(11):
        iot.create_thing_group(thingGroupName=f"ten-{number}")
    iot.create_thing_group(thingGroupName="ten-0-child", parentGroupName="ten-0")
    iot.create_thing(thingName="joiner")
    iot.add_thing_to_thing_group(thingGroupName="ten-0", thingName="joiner")
    child = {"thingGroupName": "ten-0-child", "thingName": "joiner"}
    assert code_of(iot.add_thing_to_thing_group, **child) == "InvalidRequestException"
    for number in range(10):  # the first one again, which changes nothing
        iot.add_thing_to_thing_group(thingGroupName=f"ten-{number}", thingName="joiner")
    assert (
        code_of(iot.add_thing_to_thing_group, thingGroupName="ten-10", thingName="joiner") == "InvalidRequestException"
    )


def test_a_policy_document_has_2048_characters_at_most_and_a_statement(iot: Any) -> None:
    def document(length: int) -> str:
        frame = json.dumps({"Version": "2012-10-17", "Statement": [], "Id": ""})
        return frame.replace('"Id": ""', f'"Id": "{"x" * (length - len("".join(frame.split())))}"')

    assert code_of(iot.create_policy, policyName="long", policyDocument=document(2049)) == "MalformedPolicyException"
    iot.create_policy(policyName="long", policyDocument=document(2048) + " " * 100)
    assert (
        code_of(iot.create_policy_version, policyName="long", policyDocument=document(2049))
        == "MalformedPolicyException"
    )
    assert code_of(iot.create_policy, policyName="none", policyDocument="{}") == "MalformedPolicyException"
    assert code_of(iot.create_policy, policyName="none", policyDocument="{") == "MalformedPolicyException"


def test_a_policy_has_five_versions_and_is_deleted_with_one_only(iot: Any) -> None:
    iot.create_policy(policyName="five", policyDocument=EMPTY)
    assert code_of(iot.create_policy, policyName="five", policyDocument=EMPTY) == "ResourceAlreadyExistsException"
    for _ in range(4):
        iot.create_policy_version(policyName="five", policyDocument=EMPTY)
    assert (
        code_of(iot.create_policy_version, policyName="five", policyDocument=EMPTY) == "VersionsLimitExceededException"
    )
    assert code_of(iot.delete_policy, policyName="five") == "DeleteConflictException"


def test_a_certificate_has_ten_policies_at_most(iot: Any, certificate: dict[str, str]) -> None:
    for number in range(11):
        iot.create_policy(policyName=f"of-ten-{number}", policyDocument=EMPTY)
    for number in (*range(10), 0):  # the first one twice: that is no error and no eleventh
        iot.attach_policy(policyName=f"of-ten-{number}", target=certificate["arn"])
    assert code_of(iot.attach_policy, policyName="of-ten-10", target=certificate["arn"]) == "LimitExceededException"


@pytest.mark.parametrize("status", ["ACTIVE", "INACTIVE"])
def test_revoked_is_final(iot: Any, certificate: dict[str, str], status: str) -> None:
    iot.update_certificate(certificateId=certificate["id"], newStatus="REVOKED")
    iot.update_certificate(certificateId=certificate["id"], newStatus="REVOKED")
    again = {"certificateId": certificate["id"], "newStatus": status}
    assert code_of(iot.update_certificate, **again) == "CertificateStateException"
    described = iot.describe_certificate(certificateId=certificate["id"])
    assert described["certificateDescription"]["status"] == "REVOKED"


@pytest.mark.parametrize("status", ["PENDING_ACTIVATION", "PENDING_TRANSFER"])
@pytest.mark.parametrize("now", ["ACTIVE", "INACTIVE", "REVOKED"])
def test_no_status_leads_back_to_pending(iot: Any, certificate: dict[str, str], now: str, status: str) -> None:
    iot.update_certificate(certificateId=certificate["id"], newStatus=now)
    with pytest.raises(ClientError, match="InvalidRequestException"):
        iot.update_certificate(certificateId=certificate["id"], newStatus=status)


def test_what_is_active_or_attached_is_not_deleted_and_detaching_takes_a_while(
    iot: Any, certificate: dict[str, str]
) -> None:
    gone = {"certificateId": certificate["id"]}
    attachment = {"thingName": "held", "principal": certificate["arn"]}
    iot.create_thing(thingName="held")
    iot.attach_thing_principal(**attachment)
    iot.create_policy(policyName="held", policyDocument=EMPTY)
    iot.attach_policy(policyName="held", target=certificate["arn"])
    assert code_of(iot.delete_certificate, **gone) == "CertificateStateException"  # ACTIVE
    iot.update_certificate(newStatus="INACTIVE", **gone)
    assert code_of(iot.delete_certificate, **gone) == "DeleteConflictException"
    assert code_of(iot.delete_thing, thingName="held") == "InvalidRequestException"
    assert code_of(iot.delete_policy, policyName="held") == "DeleteConflictException"

    iot.detach_thing_principal(**attachment)
    iot.detach_policy(policyName="held", target=certificate["arn"])
    assert iot.list_attached_policies(target=certificate["arn"])["policies"] == []
    assert code_of(iot.delete_certificate, **gone) == "DeleteConflictException"  # detached, and not yet everywhere
    assert code_of(iot.delete_thing, thingName="held") == "InvalidRequestException"
    assert code_of(iot.delete_policy, policyName="held") == "DeleteConflictException"

    def deleted(call: Any, **given: str) -> bool:
        try:
            call(**given)
        except ClientError:
            return False
        return True

    eventually(lambda: deleted(iot.delete_certificate, **gone))
    eventually(lambda: deleted(iot.delete_thing, thingName="held"))
    eventually(lambda: deleted(iot.delete_policy, policyName="held"))
