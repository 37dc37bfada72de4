"""Whose rule is being evaluated, and what its role allows.

The engine evaluates a rule without entering the rule's account and region, which reading a table and sending to a queue need, and asks
no role.

A function of the SQL may end a rule (`RuleEnded`): neither its actions nor its error action run, which covers actions only
(https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html).
"""

from collections.abc import Awaitable, Callable

from ministack.services import iot

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json


class RuleEnded(Exception):  # noqa: N818 - what AWS does, and no fault of the engine
    """The rule does nothing for this message, and says so in the log only."""


def apply() -> None:
    patch.wrap(iot, "_run_rule_actions", _run_rule_actions)


async def _run_rule_actions(
    original: Callable[..., Awaitable[None]],
    account_id: str,
    region: str,
    rule: Json,
    payload: bytes,
    topic: str = "",
    client_id: str | None = None,
) -> None:
    with iot.request_scope(account_id, region):
        try:
            await original(account_id, region, rule, payload, topic, client_id)
        except RuleEnded as reason:
            iot.logger.warning("Rule %s ends without any action: %s", rule.get("ruleName"), reason)


def role_allows(role_arn: str, action: str, resource: str) -> bool:
    """Whether AWS IoT may assume the role and the role's policies allow the action on the resource."""
    return bool(iot._provisioning_role_allows(role_arn, [(action, resource)]))
