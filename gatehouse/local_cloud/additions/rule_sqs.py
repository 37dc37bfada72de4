"""The role of a topic rule's ``sqs`` action, and a batch whose failures make no sense.

https://docs.aws.amazon.com/iot/latest/developerguide/sqs-rule-action.html: the rule's role needs ``sqs:SendMessage`` on the queue. The
engine takes any role. A send that is refused reaches the rule's errorAction.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting: a null or empty
``itemIdentifier``, another key, or an id that is none of the batch's messages makes the whole batch fail. The engine deletes its messages.
"""

from collections.abc import Callable

from ministack.services import iot, lambda_svc, sqs

from gatehouse.local_cloud.additions import patch, rule_message
from gatehouse.local_cloud.additions.values import Json

_ERROR_NOW = 'if result.get("error"):\n'
_ERROR_THEN = 'if result.get("error") or _failures_make_no_sense(esm, result, batch):\n'


class SendRefused(Exception):  # noqa: N818 - the engine prints the class name in the errorAction's document
    """SendMessage did not send anything."""


def apply() -> None:
    lambda_svc._failures_make_no_sense = _failures_make_no_sense
    patch.edit(lambda_svc, "_run_sqs_batch", (_ERROR_NOW, _ERROR_THEN))
    patch.wrap(iot, "_dispatch_rule_sqs", _dispatch_rule_sqs)


def _dispatch_rule_sqs(
    original: Callable[..., None], account_id: str, region: str, rule_name: str, spec: Json, event: Json
) -> None:
    with iot.request_scope(account_id, region):
        queue = sqs._get_q(spec.get("queueUrl") or "")["attributes"]["QueueArn"]
        role = spec.get("roleArn", "")
        if not rule_message.role_allows(role, "sqs:SendMessage", queue):
            raise SendRefused(f"AccessDeniedException: {role} may not perform sqs:SendMessage on {queue}")
    original(account_id, region, rule_name, spec, event)


def _failures_make_no_sense(esm: Json, result: Json, batch: list[Json]) -> bool:
    answer = result.get("body")
    if "ReportBatchItemFailures" not in (esm.get("FunctionResponseTypes") or []) or not isinstance(answer, dict):
        return False
    failures = answer.get("batchItemFailures") or []
    return not {one.get("itemIdentifier") for one in failures} <= {message["id"] for message in batch}
