"""What the keys' policies allow, and to whom: the local cloud and moto judge none."""

from typing import Any

import pytest

from tests.template import transformed
from tests.template.key_policies import Request, allowed, conditions_hold
from tests.template.transformed import ACCOUNT, REGION

OTHER = "210987654321"
SIGNING = ("SigningKey", "VoteSigningKey")


def policy(name: str) -> dict[str, Any]:
    template = transformed.template()
    found: dict[str, Any] = transformed.Values(template).of(template["Resources"][name]["Properties"]["KeyPolicy"])
    return found


def through(service: str, account: str = ACCOUNT, region: str = REGION) -> dict[str, str | list[str]]:
    """A request that a service makes in its caller's name."""
    return {"kms:CallerAccount": account, "kms:ViaService": f"{service}.{region}.amazonaws.com"}


def log_group(account: str = ACCOUNT, region: str = REGION) -> dict[str, str | list[str]]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"""
    return {
        "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account}:log-group:/gatehouse/functions/0a1b"
    }


@pytest.mark.parametrize("service", ["dynamodb", "s3", "sns", "sqs"])
@pytest.mark.parametrize(
    "action", ["Encrypt", "Decrypt", "ReEncryptFrom", "GenerateDataKey", "DescribeKey", "CreateGrant"]
)
def test_roles_of_this_account_use_the_key_through_what_it_encrypts(service: str, action: str) -> None:
    request = Request(action=f"kms:{action}", account=ACCOUNT, context=through(service))
    assert "ThroughServices" in allowed(policy("DataKey"), request)


@pytest.mark.parametrize(
    "context",
    [
        pytest.param(through("s3", account=OTHER), id="another account"),
        pytest.param(through("s3", region="us-east-1"), id="another Region"),
        pytest.param(through("secretsmanager"), id="another service"),
        pytest.param({"kms:CallerAccount": OTHER}, id="another account, directly"),
        pytest.param({}, id="nothing said"),
    ],
)
def test_nobody_of_another_account_or_way_uses_the_key(context: dict[str, str | list[str]]) -> None:
    assert allowed(policy("DataKey"), Request(action="kms:Decrypt", account=OTHER, context=context)) == []


def test_a_role_of_this_account_that_uses_the_key_directly_needs_the_right_in_its_own_policy() -> None:
    """The statement for the account lets IAM policies decide
    (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html); no other statement lets anybody in."""
    direct = Request(action="kms:Decrypt", account=ACCOUNT, context={"kms:CallerAccount": ACCOUNT})
    assert allowed(policy("DataKey"), direct) == ["AccountAdministers"]


@pytest.mark.parametrize("action", ["kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:RevokeGrant"])
def test_no_service_administers_a_key(action: str) -> None:
    for key in ("DataKey", *SIGNING):
        for request in (
            Request(action=action, account=OTHER, context=through("s3")),
            Request(action=action, service="events.amazonaws.com", context={"aws:SourceAccount": ACCOUNT}),
            Request(action=action, service=f"logs.{REGION}.amazonaws.com", context=log_group()),
        ):
            assert allowed(policy(key), request) == []


@pytest.mark.parametrize("service", ["events", "cloudwatch", "sns"])
def test_a_service_delivers_for_this_account_and_is_nobody_elses_deputy(service: str) -> None:
    def asks(**context: str | list[str]) -> list[str]:
        request = Request(action="kms:GenerateDataKey", service=f"{service}.amazonaws.com", context=dict(context))
        return allowed(policy("DataKey"), request)

    assert asks(**{"aws:SourceAccount": ACCOUNT}) == ["ServicesDeliver"]
    assert asks(**{"aws:SourceAccount": OTHER}) == []
    assert asks() == [], "a service that says for nobody may be anybody's deputy"


@pytest.mark.parametrize("service", ["s3", "lambda", "delivery.logs", "iot", "states"])
def test_no_other_service_acts_as_itself(service: str) -> None:
    request = Request(action="kms:Decrypt", service=f"{service}.amazonaws.com", context={"aws:SourceAccount": ACCOUNT})
    assert allowed(policy("DataKey"), request) == []


def test_logs_are_encrypted_for_log_groups_of_this_account_only() -> None:
    def asks(context: dict[str, str | list[str]], region: str = REGION) -> list[str]:
        return allowed(
            policy("DataKey"), Request(action="kms:Encrypt", service=f"logs.{region}.amazonaws.com", context=context)
        )

    assert asks(log_group()) == ["LogsOfThisAccount"]
    assert asks(log_group(account=OTHER)) == [], "a confused deputy"
    assert asks(log_group(region="us-east-1")) == []
    assert asks({}) == [], "no encryption context"
    assert asks({"aws:SourceAccount": ACCOUNT}) == [], "the wrong context"
    assert asks(log_group(), region="us-east-1") == []
    request = Request(action="kms:Encrypt", account=OTHER, context=log_group())
    assert allowed(policy("DataKey"), request) == [], "whoever is no service says what context they like"


@pytest.mark.parametrize("key", SIGNING)
def test_a_signing_key_is_used_by_nobody_but_by_a_right_in_this_account(key: str) -> None:
    def signs(**who: Any) -> list[str]:
        return allowed(policy(key), Request(action="kms:Sign", **who))

    assert signs(account=ACCOUNT) == ["AccountAdministers"]
    assert signs(account=OTHER) == []
    assert signs(account=OTHER, context=through("s3")) == []
    assert signs(service="events.amazonaws.com", context={"aws:SourceAccount": ACCOUNT}) == []


def test_a_token_is_sealed_and_opened_with_its_requests_context_only() -> None:
    """The conditions are in the roles of these two functions: ``ForAllValues`` alone would hold for a request without any context."""
    resources = transformed.template()["Resources"]
    seen = []
    for function in ("RequestApprovalFunctionRole", "ResumeExecutionFunctionRole"):
        for statement in (
            one for role in resources[function]["Properties"]["Policies"] for one in role["PolicyDocument"]["Statement"]
        ):
            if statement["Action"] not in ("kms:Encrypt", "kms:Decrypt"):
                continue
            seen.append(statement["Action"])
            for context, holds in (
                ({"kms:EncryptionContextKeys": ["approval_id"]}, True),
                ({"kms:EncryptionContextKeys": ["approval_id", "other"]}, False),
                ({"kms:EncryptionContextKeys": ["other"]}, False),
                ({}, False),
            ):
                request = Request(action=statement["Action"], account=ACCOUNT, context=dict(context))
                assert conditions_hold(statement["Condition"], request) is holds, context
    assert seen == ["kms:Encrypt", "kms:Decrypt"]


def test_a_condition_is_judged_as_iam_judges_it() -> None:
    """The judge of this file, judged: what a missing key, a list, an ARN's parts and a Deny do."""

    def judged(condition: dict[str, Any], effect: str = "Allow", **context: str | list[str]) -> bool:
        statement = {
            "Sid": "x",
            "Effect": effect,
            "Principal": "*",
            "Action": "kms:*",
            "Resource": "*",
            "Condition": condition,
        }
        everybody = {"Sid": "y", "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
        statements = [statement] if effect == "Allow" else [statement, everybody]
        return bool(
            allowed({"Statement": statements}, Request(action="kms:Decrypt", account=ACCOUNT, context=dict(context)))
        )

    assert not judged({"StringEquals": {"a": "1"}})
    assert judged({"StringEqualsIfExists": {"a": "1"}})
    assert not judged({"StringEqualsIfExists": {"a": "1"}}, a="2")
    assert judged({"StringEquals": {"a": ["1", "2"]}}, a="2")
    assert not judged({"StringEquals": {"a": "1", "b": "2"}}, a="1"), "every key has to match"
    assert judged({"ForAllValues:StringEquals": {"a": ["1", "2"]}}, a=["1", "2"])
    assert not judged({"ForAllValues:StringEquals": {"a": ["1", "2"]}}, a=["1", "3"])
    assert judged({"ForAllValues:StringEquals": {"a": "1"}})
    assert judged({"Null": {"a": "true"}})
    assert not judged({"Null": {"a": "true"}}, a="1")
    assert judged({"ArnLike": {"a": "arn:aws:logs:x:1:*"}}, a="arn:aws:logs:x:1:log-group:b:c")
    assert not judged({"ArnLike": {"a": "arn:aws:logs:*:log-group"}}, a="arn:aws:logs:x:1:log-group")
    assert not judged({"StringEquals": {"a": "1"}}, effect="Deny", a="1")
    with pytest.raises(KeyError):
        judged({"NumericEquals": {"a": "1"}}, a="1")
