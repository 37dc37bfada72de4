"""Failed executions whose event did not arrive: the functions that record and seal failures get the data of that event.

EventBridge delivers Step Functions' events on a best-effort basis
(https://docs.aws.amazon.com/eventbridge/latest/ref/event-delivery-level.html). Both functions may be called twice for one failure.
"""

from typing import Any

import msgspec
from msgspec import Struct

from functions.shared.aws import client, translated
from workflows.admission import failure


class Tellers(Struct, frozen=True, kw_only=True):
    """The ARNs for calling the two functions."""

    record: str
    seal: str


def tell(tellers: Tellers, execution_arn: str, *, recorded: bool) -> None:
    """Have the failure sealed and, unless it is `recorded`, recorded. Both calls are asynchronous, and Lambda retries them.

    Does nothing for an execution that Step Functions no longer knows, or that still runs. Raises `AwsUnavailable`, `AccessRefused`.
    """
    try:
        with translated():
            described = client("stepfunctions").describe_execution(executionArn=execution_arn)
    except client("stepfunctions").exceptions.ExecutionDoesNotExist:
        return
    if described["status"] not in failure.BADLY:
        return
    event = failure.event_of(described)
    for function in (tellers.seal,) if recorded else (tellers.record, tellers.seal):
        _hand_over(function, event)


def _hand_over(function: str, event: dict[str, Any]) -> None:
    with translated():
        client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=msgspec.json.encode(event))
