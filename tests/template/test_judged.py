"""A second judge for what is deployed: cfn-lint over the transformed template with both machines in it, and every role by the reference."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from tests.template import transformed
from tests.template.resources import Resources, listed
from tests.template.roles import faults
from tests.template.transformed import ACCOUNT, REGION

EVERYTHING = {
    "AccessLogBucket": "logs-of-ours",
    "ConnectionCheck": "DENY_UNKNOWN",
    "IotLogLevel": "ERROR",
    "MailFrom": "gate@example.com",
    "NotificationEmail": "ops@example.com",
    "QuietHours": "8",
}
"""With these every conditional resource is there."""
EXPRESSIONS = {"TimeoutSeconds", "Timestamp", "Seconds"}
"""Fields that may hold a JSONata expression, of which cfn-lint does not know
(https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-in-workflow-fields)."""


def test_cfn_lint_finds_nothing_in_the_transformed_template_with_its_machines() -> None:
    found = [
        one
        for one in lint(json.dumps(transformed.template(**EVERYTHING)), config=ManualArgs(regions=[REGION]))
        if not (one.rule.id == "E3601" and one.path[-1] in EXPRESSIONS and "'{%" in one.message)
    ]
    assert [f"{one.rule.id} {one.path}: {one.message}" for one in found] == []


def test_cfn_lint_looks_into_the_machines() -> None:
    """It would say nothing of a text that it cannot see."""
    template = transformed.template(**EVERYTHING)
    states = template["Resources"]["SweepStateMachine"]["Properties"]["Definition"]["States"]
    states["Report sweep"]["Next"] = "Nowhere"
    states["Find revoked"]["Resource"] = "lambda"
    found = lint(json.dumps(template), config=ManualArgs(regions=[REGION]))
    assert {one.path[-2] for one in found if one.rule.id == "E3601"} >= {"Find revoked"}


def test_every_role_is_what_the_service_authorization_reference_allows() -> None:
    template = transformed.template(**EVERYTHING)
    assert list(role_faults(template["Resources"], transformed.Values(template, **EVERYTHING))) == []


@pytest.mark.parametrize(
    ("action", "resource", "condition", "fault"),
    [
        ("iot:AttachPolicies", "*", {}, "is no action"),
        ("iot:AttachPolicy", ["cert/*", "policy/gatehouse-*"], {}, "policy/gatehouse-* is no resource of iot:AttachPolicy"),
        ("iot:AttachPolicy", "*", {}, "can be narrowed"),
        ("iot:ListThings", "thing/*", {}, "knows no resource"),
        ("iot:UpdateCertificate", "thing/*", {}, "needs"),
        ("iot:UpdateCertificate", "cert/*", {"StringEquals": {"iot:thingArn": "x"}}, "does not know the condition key iot:thingArn"),
        ("iot:AttachThingPrincipal", "cert/*", {"ArnLike": {"iot:thingArn": "x"}}, ""),
        ("iot:ListThings", "*", {"StringEquals": {"aws:SourceAccount": "1"}}, ""),
        (["iot:AddThingToThingGroup", "iot:CreateThing"], ["thing/*", "thinggroup/*"], {}, ""),
    ],
)  # fmt: skip
def test_what_the_judge_of_roles_finds(action: Any, resource: Any, condition: dict[str, Any], fault: str) -> None:
    named = [one if one == "*" else f"arn:aws:iot:{REGION}:{ACCOUNT}:{one}" for one in listed(resource)]
    found = list(faults({"Action": action, "Resource": named, "Condition": condition}))
    assert any(fault in one for one in found) if fault else found == []


@pytest.mark.parametrize(
    ("action", "arn", "right"),
    [
        ("s3:GetObject", "arn:aws:s3:::evidence/records/*", True),
        ("s3:GetObject", "arn:aws:s3:::evidence", False),
        ("s3:ListBucket", "arn:aws:s3:::evidence", True),
        ("s3:ListBucket", "arn:aws:s3:::evidence/*", False),
        ("dynamodb:Query", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/admissions/index/by_device", True),
        ("dynamodb:GetItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/admissions/index/by_device", False),
        ("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:AWSIotLogs*", True),
        ("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:AWSIotLogsV2", False),
        ("states:StartExecution", f"arn:aws:states:{REGION}:{ACCOUNT}:execution:gatehouse:*", False),
    ],
)
def test_an_arn_is_of_a_kind_that_the_action_knows(action: str, arn: str, *, right: bool) -> None:
    assert (list(faults({"Action": action, "Resource": arn})) == []) is right


def role_faults(resources: Resources, values: transformed.Values) -> Iterator[str]:
    """What the judge finds in the statements of roles, and of the policies of buckets and queues."""
    for name, resource in resources.items():
        documents = [
            one["PolicyDocument"] for one in resource["Properties"].get("Policies", []) if "PolicyDocument" in one
        ]
        if resource["Type"] in {"AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"}:
            documents.append(resource["Properties"]["PolicyDocument"])
        for statement in (one for document in documents for one in document["Statement"]):
            for fault in faults(worked_out(statement, resources, values)):
                yield f"{name}: {fault}"


def worked_out(statement: dict[str, Any], resources: Resources, values: transformed.Values) -> dict[str, Any]:
    """The statement as AWS sees it: resources of the stack by ARNs of their kind."""
    text = json.dumps(values.of(statement))
    for name, resource in resources.items():
        arn = arn_of(name, resource["Type"])
        for attribute in ("Arn", "Ref"):
            shown = f"<{name}>" if attribute == "Ref" else f"<{name}.Arn>"
            text = text.replace(shown, arn if attribute == "Arn" or resource["Type"] in REF_IS_ARN else name.lower())
        text = text.replace(f"<{name}.Name>", name.lower())
    found: dict[str, Any] = json.loads(text)
    return found


REF_IS_ARN = {"AWS::SNS::Topic", "AWS::StepFunctions::StateMachine", "AWS::Lambda::Alias"}
ARNS = {
    "AWS::Cognito::UserPool": "arn:aws:cognito-idp:{region}:{account}:userpool/{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Alias": "arn:aws:lambda:{region}:{account}:function:{name}:live",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
}


def arn_of(name: str, kind: str) -> str:
    return ARNS.get(kind, "<no arn>").format(region=REGION, account=ACCOUNT, name=name.lower())
