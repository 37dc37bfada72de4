"""The judge of rights is worth what it refuses: a call that the role does not allow, and a right that nobody needs."""

from typing import Any

import pytest

from functions.admission.claim_admission.app import handler as claim
from functions.revocation.find_revoked.app import handler as find_revoked
from functions.shared.admissions import Admissions
from tests import aws_environment, rights
from workflows.errors import AccessRefused

ON = f"arn:aws:states:eu-west-1:{aws_environment.ACCOUNT}:execution:Admission:one"


def claims() -> Any:
    event = aws_environment.registration_event("aa" * 32, "bb" * 32)
    return aws_environment.call(claim, {"event": event, "execution": aws_environment.execution()})


@pytest.mark.parametrize("number", [0, 1])
def test_a_call_without_its_statement_is_refused(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with monkeypatch.context() as without:
        without.setenv("GATEHOUSE_WITHOUT_RIGHT", f"ClaimAdmissionFunction:{number}")
        with pytest.raises(AccessRefused, match=r"ClaimAdmissionFunction's role .* does not allow"):
            claims()
    assert environment
    assert claims()["status"] == "claimed"


def test_that_an_object_is_missing_is_told_to_those_alone_who_may_list(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    [number] = [n for n, one in enumerate(rights.statements("FindRevokedFunction")) if one["Action"] == "s3:ListBucket"]
    monkeypatch.setenv("GATEHOUSE_WITHOUT_RIGHT", f"FindRevokedFunction:{number}")
    assert environment
    asked = {"issuer_key": "aa" * 32, "slot": f"{'aa' * 32}/complete", "execution": aws_environment.execution()}
    with pytest.raises(AccessRefused, match="does not allow s3:ListBucket"):
        aws_environment.call(find_revoked, asked)


def test_what_a_test_does_with_a_functions_helpers_is_its_own(environment: dict[str, str]) -> None:
    before = {right: set(tests) for right, tests in rights.used.items()}
    Admissions(environment["ADMISSIONS_TABLE"]).find("aa" * 32)
    assert rights.used == before


@pytest.mark.parametrize(
    ("service", "operation", "params", "needed"),
    [
        ("dynamodb", "Query", {"TableName": "T", "IndexName": "i"}, [("dynamodb:Query", "table/T/index/i")]),
        ("dynamodb", "BatchGetItem", {"RequestItems": {"A": {}, "B": {}}},
         [("dynamodb:BatchGetItem", "table/A"), ("dynamodb:BatchGetItem", "table/B")]),
        ("dynamodb", "TransactWriteItems",
         {"TransactItems": [{"Put": {"TableName": "A"}}, {"ConditionCheck": {"TableName": "B"}}]},
         [("dynamodb:PutItem", "table/A"), ("dynamodb:ConditionCheckItem", "table/B")]),
        ("s3", "CopyObject", {"Bucket": "b", "Key": "to", "CopySource": {"Bucket": "a", "Key": "from"}},
         [("s3:GetObject", "arn:aws:s3:::a/from"), ("s3:PutObject", "arn:aws:s3:::b/to")]),
        ("s3", "ListObjectsV2", {"Bucket": "b", "Prefix": "p"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("iot", "AttachPolicy", {"policyName": "p", "target": "arn:aws:iot:eu-west-1:1:cert/c"}, [("iot:AttachPolicy", "cert/c")]),
        ("iot", "DetachThingPrincipal", {"thingName": "t", "principal": "arn:aws:iot:eu-west-1:1:cert/c"},
         [("iot:DetachThingPrincipal", "cert/c")]),
        ("iot", "ListThingPrincipals", {"thingName": "t"}, [("iot:ListThingPrincipals", "thing/t")]),
        ("iot", "AddThingToThingGroup", {"thingName": "t", "thingGroupName": "g"},
         [("iot:AddThingToThingGroup", "thing/t"), ("iot:AddThingToThingGroup", "thinggroup/g")]),
        ("iot", "ListThings", {}, [("iot:ListThings", "*")]),
        ("stepfunctions", "SendTaskSuccess", {"taskToken": "t", "output": "{}"}, [("states:SendTaskSuccess", "*")]),
        ("stepfunctions", "RedriveExecution", {"executionArn": ON}, [("states:RedriveExecution", ON)]),
    ],
)  # fmt: skip
def test_what_a_call_needs(service: str, operation: str, params: dict[str, Any], needed: list[rights.Needed]) -> None:
    assert rights.needed(service, operation, params) == needed


def test_a_right_that_no_test_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    every = [right for right in rights.every_right() if right[2] not in rights.OF_THE_SERVICE]
    monkeypatch.setattr(rights, "used", {right: {"a test"} for right in every})
    assert rights.needless() == []
    del rights.used[every[0]]
    assert rights.needless() == [every[0]]
    function, number, action = every[0]
    assert f"no test needs {action} (statement {number} of {function}'s role)" in rights.summary()


@pytest.mark.parametrize(("service", "operation"), [("iot", "DescribeEndpoint"), ("textract", "AnalyzeDocument")])
def test_a_call_that_nobody_wrote_down_is_named_with_what_to_do(service: str, operation: str) -> None:
    with pytest.raises(
        rights.UnknownCallError, match=rf"{service}:{operation} needs\. Look the action up .* write its"
    ):
        rights.needed(service, operation, {})
