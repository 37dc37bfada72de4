"""Acting as a role, with IAM enforced."""

import json
from typing import Any

import boto3

from gatehouse.local_cloud.cloud import LocalCloud


def as_role(engine: LocalCloud, role_arn: str, service: str) -> Any:
    """A boto3 client with a session of the role."""
    session = engine.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="tests")["Credentials"]
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=engine.settings.endpoint,
        region_name="us-east-1",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )


def make_role(engine: LocalCloud, name: str, *statements: dict[str, object]) -> str:
    """A role that the account may assume and that may do what the statements say; its ARN."""
    iam = engine.client("iam")
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}]}
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement} for statement in statements]}
    iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=json.dumps(document))
    return arn
