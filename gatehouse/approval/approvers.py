"""The people in the stack's user pool, who may approve."""

from collections.abc import Sequence
from typing import Any

from gatehouse.stack.target import Target


def add(target: Target, *, email: str, name: str, password: str, groups: Sequence[str]) -> None:
    """Add a person with a permanent password. On AWS, invite people in the AWS console instead, so that they choose their own."""
    cognito, pool = target.client("cognito-idp"), target.output("UserPoolId")
    attributes = {"email": email, "email_verified": "true", "name": name}
    cognito.admin_create_user(
        UserPoolId=pool,
        Username=email,
        MessageAction="SUPPRESS",
        TemporaryPassword=password,
        UserAttributes=[{"Name": key, "Value": value} for key, value in attributes.items()],
    )
    cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password=password, Permanent=True)
    for group in groups:
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=email, GroupName=group)


def count(target: Target) -> dict[str, int]:
    """The number of enabled people in each group of the user pool."""
    cognito, pool = target.client("cognito-idp"), target.output("UserPoolId")
    groups = _all(cognito, "list_groups", "Groups", UserPoolId=pool)
    return {
        group["GroupName"]: sum(
            user.get("Enabled", True)
            for user in _all(cognito, "list_users_in_group", "Users", UserPoolId=pool, GroupName=group["GroupName"])
        )
        for group in groups
    }


def _all(cognito: Any, call: str, key: str, **request: str) -> list[dict[str, Any]]:
    return [found for page in cognito.get_paginator(call).paginate(**request) for found in page[key]]
