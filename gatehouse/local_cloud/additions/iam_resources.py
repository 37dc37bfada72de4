"""On which resource a call is authorised and as which action, where the engine differs, and so refuses or lets pass what AWS would not.

From https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html:

- ``iot:AttachPolicy`` and ``DetachPolicy``: the target.
- ``iot:…CACertificate``: the CA certificate.
- ``iot:AttachThingPrincipal`` and ``DetachThingPrincipal``: the certificate. A policy that names the thing does not allow it.

And:

- ``states:SendTask…``: the state machine that waits for the token, which is what AWS CDK's ``StateMachine.grantTaskResponse`` grants
  (https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_stepfunctions.StateMachine.html).
- ``lambda:GetEventSourceMapping`` is the action of reading one; the engine asks for that of listing them
  (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html).
- ``sqs:…Batch`` is no action: who may send, delete or hide a message may do it in batches
  (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html).
- ``ses:SendEmail``: the identity that sends (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html).
"""

import json

from ministack.core import iam_actions

from gatehouse.local_cloud.additions import patch, task_tokens
from gatehouse.local_cloud.additions.values import Json


def apply() -> None:
    iam_actions._iot_exceptions = _iot_exceptions
    iam_actions._machine_of_token = task_tokens.machine_of
    patch.edit(
        iam_actions,
        "iot_resource_arns",
        (
            "    if method not in",
            "    if exceptions := _iot_exceptions(path, body):\n        return exceptions\n    if method not in",
        ),
    )
    patch.edit(
        iam_actions,
        "extract_resource_arn",
        ('"certificates": "cert",', '"certificates": "cert", "cacertificate": "cacert",'),
        ("        membership = iot_resource_arns(", _PRINCIPAL_THEN),
        ('    if service == "states":\n', _STATES_THEN),
        ('    if service == "ses":\n', _SES_THEN),
    )
    patch.edit(iam_actions, "_lambda_action", (_SOURCES_NOW, _SOURCES_THEN))
    patch.edit(iam_actions, "extract_iam_action", (_TARGET_NOW, _TARGET_NOW + _BATCH_THEN))


_PRINCIPAL_THEN = """\
        if method in ("PUT", "DELETE") and parts[:1] == ["things"] and parts[2:] == ["principals"]:
            return headers.get("x-amzn-principal") or "*"
        membership = iot_resource_arns("""


_SOURCES_NOW = 'return "ListEventSourceMappings"\n'
_SOURCES_THEN = (
    'return "ListEventSourceMappings" if parts[-1] == "event-source-mappings" else "GetEventSourceMapping"\n'
)
_TARGET_NOW = "    action_name = _action_from_target(headers)\n"
_BATCH_THEN = """\
    if service == "sqs" and action_name:
        action_name = action_name.removesuffix("Batch")
"""
_STATES_THEN = """\
    if service == "states":
        token = _safe_json_field(body, "taskToken")
        if token:
            return _machine_of_token(token)
"""


_SES_THEN = """\
    if service == "ses":
        sender = _safe_json_field(body, "FromEmailAddress")
        if sender:
            return f"arn:aws:ses:{region}:{account_id}:identity/{sender}"
"""


def _iot_exceptions(path: str, body: bytes) -> list[str]:
    if not path.startswith("/target-policies/"):
        return []
    try:
        request: Json = json.loads(body or b"{}")
    except ValueError:
        return []
    target = request.get("target") if isinstance(request, dict) else None
    return [target] if isinstance(target, str) and target.startswith("arn:") else []
