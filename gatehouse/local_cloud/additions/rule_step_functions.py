"""The ``stepFunctions`` action of topic rules.

https://docs.aws.amazon.com/iot/latest/developerguide/stepfunctions-rule-action.html: the state machine is named, not given by ARN; the
execution's name "consists of this prefix followed by a UUID". AWS does not document what stands between the two, so nothing may depend on
the hyphen used here. The rule's role needs ``states:StartExecution``. A start that fails reaches the rule's errorAction.
"""

import json
import re
import uuid

from ministack.services import iot, stepfunctions

from gatehouse.local_cloud.additions import rule_message
from gatehouse.local_cloud.additions.values import Json

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html, name
_EXECUTION_NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")


class StartRefused(Exception):  # noqa: N818 - the engine prints the class name in the errorAction's document
    """StartExecution did not start anything."""


def apply() -> None:
    original = iot._dispatch_rule_action

    async def dispatch_rule_action(account_id: str, region: str, rule_name: str, action: Json, event: Json) -> None:
        if "stepFunctions" in action:
            with iot.request_scope(account_id, region):
                _start_execution(account_id, region, action["stepFunctions"] or {}, event)
            return
        await original(account_id, region, rule_name, action, event)

    iot._dispatch_rule_action = dispatch_rule_action
    iot._RULE_ACTION_RESOURCE_KEYS["stepFunctions"] = ("stateMachineName",)


def _start_execution(account_id: str, region: str, spec: Json, event: Json) -> None:
    machine = (
        f"arn:aws:states:{region}:{account_id}:stateMachine:{rule_message.expand(spec.get('stateMachineName', ''))}"
    )
    role = spec.get("roleArn", "")
    if not rule_message.role_allows(role, "states:StartExecution", machine):
        raise StartRefused(f"AccessDeniedException: {role} may not perform states:StartExecution on {machine}")
    request = {"stateMachineArn": machine, "input": json.dumps(event)}
    if spec.get("executionNamePrefix"):
        request["name"] = f"{rule_message.expand(spec['executionNamePrefix'])}-{uuid.uuid4()}"
        if not _EXECUTION_NAME.fullmatch(request["name"]):
            raise StartRefused(f"InvalidName: {request['name']!r} is no execution name of at most 80 characters")
    status, _, body = stepfunctions._start_execution(request)
    if status >= 400:
        answer = json.loads(body)
        raise StartRefused(f"{answer.get('__type', status)}: {answer.get('message', '')}")
