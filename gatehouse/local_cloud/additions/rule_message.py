"""Whose rule is being evaluated, and what its role allows.

The engine evaluates a rule without entering the rule's account and region, which reading a table and sending to a queue need, and asks
no role.
"""

from ministack.services import iot

from gatehouse.local_cloud.additions.values import Json


def apply() -> None:
    original = iot._run_rule_actions

    async def run_rule_actions(
        account_id: str, region: str, rule: Json, payload: bytes, topic: str = "", client_id: str | None = None
    ) -> None:
        with iot.request_scope(account_id, region):
            await original(account_id, region, rule, payload, topic, client_id)

    iot._run_rule_actions = run_rule_actions


def role_allows(role_arn: str, action: str, resource: str) -> bool:
    """Whether AWS IoT may assume the role and the role's policies allow the action on the resource."""
    return bool(iot._provisioning_role_allows(role_arn, [(action, resource)]))
