"""Calls of Lambda in flight: as many as the account has, and what waits, waits as it does on AWS.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html. The engine keeps such a limit (``LAMBDA_ACCOUNT_CONCURRENCY``) and
refuses what is above it; everything after that is added here.

- Step Functions names the refusal ``Lambda.TooManyRequestsException``
  (https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html), the engine ``Lambda.Unknown``.
- An event for a function (EventBridge, a topic rule, Invoke with type Event) that finds no room is tried again for six hours, from a second
  up to five minutes apart (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html); the engine counts it as
  one of the function's three tries, and tries EventBridge's and topic rules' events once, without the destination for failures.
- A batch of a queue is tried again until its visibility timeout is over
  (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html).

Pauses are scaled as Step Functions' waits are. A stream's batch: see ``stream_retries``.
"""

import json
import random
import time
from collections.abc import Callable

from ministack.services import eventbridge, iot, lambda_svc, stepfunctions

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json

_LONGEST_PAUSE_SECONDS = 300.0
_TRY_NOW = "last_result = _execute_function(func, event)\n"
_TRY_THEN = "last_result = _execute_within(func, event, max_event_age - (time.time() - started))\n"
_FAILED_NOW = """    if result.get("error"):
        body = result.get("body", {})
"""
_FAILED_THEN = (
    """    if result.get("throttle"):
        raise _ExecutionError(
            "Lambda.TooManyRequestsException",
            f"Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: {new_uuid()})")
"""
    + _FAILED_NOW
)


def apply() -> None:
    lambda_svc._execute_within = _execute_within
    lambda_svc._visible_again_in = _visible_again_in
    patch.edit(lambda_svc, "invoke_async_with_retry", (_TRY_NOW, _TRY_THEN))
    patch.edit(
        lambda_svc,
        "_run_sqs_batch",
        (
            "result = _execute_function(func_rec, event)\n",
            "result = _execute_within(func_rec, event, _visible_again_in(_sqs._queues.get(queue_url), batch))\n",
        ),
    )
    patch.edit(stepfunctions, "_call_lambda", (_FAILED_NOW, _FAILED_THEN))
    eventbridge._dispatch_to_lambda = _from_eventbridge
    iot._dispatch_rule_to_lambda = _from_topic_rule


def _execute_within(function: Json, event: Json, seconds: float) -> Json:
    """Call a function. While it is throttled, try again until the given seconds are over. Returns its last answer."""
    end, pause = time.monotonic() + seconds, 1.0
    while True:
        result = lambda_svc._execute_function(function, event)
        waits = max(0.01, random.uniform(0.5, 1.0) * pause * stepfunctions._SFN_WAIT_SCALE)  # noqa: S311 - no secret
        if not result.get("throttle") or time.monotonic() + waits > end:
            return result
        time.sleep(waits)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _visible_again_in(queue: Json, batch: list[Json]) -> float:
    """Seconds until the first message of a batch can be received again."""
    visible: float = min((message.get("visible_at", 0) for message in batch), default=0)
    return visible - time.time() if queue else 0.0


def _from_eventbridge(arn: str, payload: str) -> None:
    try:
        event = json.loads(payload)
    except (ValueError, TypeError):
        event = {"body": payload}
    _hand_over(arn, lambda_svc._get_func_record_for_ref(arn), event)


def _from_topic_rule(account_id: str, region: str, function_arn: str, event: Json) -> None:
    with iot.request_scope(account_id, region):
        _hand_over(function_arn, lambda_svc._get_func_record_for_ref(function_arn), event)


def _hand_over(arn: str, resolved: tuple[Json, Json, str], event: Json) -> None:
    """Queue an event for a function, with what is configured for the version or alias that the ARN names."""
    function, config, name = resolved
    if not function or not config:
        lambda_svc.logger.warning("Event for %s: there is no such function", name)
        return
    _, qualifier = lambda_svc._lambda_function_name_and_qualifier_from_arn(arn)
    configured = lambda_svc._event_invoke_config(lambda_svc._functions[name], qualifier)
    record = {**lambda_svc._execution_record_for_config(function, config), "event_invoke_config": configured}
    queue: Callable[[Json, Json], None] = lambda_svc.invoke_async_with_retry
    queue(record, event)
