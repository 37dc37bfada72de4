"""What a topic rule is being evaluated on, for the additions that need it where the engine does not pass it along.

An action's substitution templates read the message as published, not what SELECT made of it
(https://docs.aws.amazon.com/iot/latest/developerguide/iot-substitution-templates.html); the engine hands an action only the latter.
It also evaluates a rule without entering the rule's account and region, which reading a table there needs.
"""

import contextvars
import re
from typing import NamedTuple

from ministack.services import iot

from gatehouse.local_cloud.additions.values import Json


class RuleMessage(NamedTuple):
    """One publish, as the rule sees it."""

    topic: str
    payload: bytes
    client_id: str | None


_current: contextvars.ContextVar[RuleMessage] = contextvars.ContextVar("rule_message")
_TEMPLATE = re.compile(r"\$\{(?P<expression>[^}]*)\}")


def apply() -> None:
    original = iot._run_rule_actions

    async def run_rule_actions(
        account_id: str, region: str, rule: Json, payload: bytes, topic: str = "", client_id: str | None = None
    ) -> None:
        token = _current.set(RuleMessage(topic, payload or b"", client_id))
        try:
            with iot.request_scope(account_id, region):
                await original(account_id, region, rule, payload, topic, client_id)
        finally:
            _current.reset(token)

    iot._run_rule_actions = run_rule_actions


def expand(template: str) -> str:
    """Fill ``${expression}`` from the current message. Undefined becomes the empty string, as when AWS serialises it alone."""
    message = _current.get()
    decoded = iot._rule_message(message.payload)

    def value(match: re.Match[str]) -> str:
        found = iot._eval_select_expr(match["expression"], message.topic, message.payload, decoded, message.client_id)
        return iot._sql_as_string(found) or ""

    return _TEMPLATE.sub(value, template)


def role_allows(role_arn: str, action: str, resource: str) -> bool:
    """Whether AWS IoT may assume the role and the role's policies allow the action on the resource."""
    return bool(iot._provisioning_role_allows(role_arn, [(action, resource)]))
