"""Events that could not be delivered: what lies in the rule's error queue and in the dead-letter queue, and delivering it again.

The rule's error queue holds AWS IoT's error documents (developer guide, *Error handling (error action)*). The dead-letter queue holds
events from EventBridge (user guide, *Using dead-letter queues to process undelivered events*), invocation records from Lambda
(developer guide, *Capturing records of Lambda asynchronous invocations*), and registration events that the registration queue gave up,
as they were sent there (SQS developer guide, *Using dead-letter queues*).

A registration event goes back to the registration queue, so that the function behind it drops what is no longer due.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from msgspec import Struct

from gatehouse.errors import AnsweredNo
from gatehouse.evidence.audit_trail import recorded, require_reason
from gatehouse.stack.target import Target
from workflows import stored
from workflows.admission.registration import quoted, read_event
from workflows.errors import GatehouseError

Queue = Literal["rule", "dead-letters"]
QUEUES: tuple[Queue, ...] = get_args(Queue)
_OUTPUTS = {"rule": "RuleErrorQueueUrl", "dead-letters": "DeadLettersUrl"}

_HIDDEN_FOR = 120
"""Seconds for which a message that is being looked at is not given to anybody else."""


class LostEvent(Struct, frozen=True, kw_only=True):
    """One message. `goes_to` is the queue or function that redriving hands `payload` to; None with `problem` saying why not.

    All of it may be somebody else's words.
    """

    queue: Queue
    message_id: str
    receipt: str
    since: datetime
    what: str
    error: str
    goes_to: str | None = None
    payload: Any = None
    problem: str | None = None


def depth(target: Target, queue: Queue) -> int:
    """About how many messages lie there, those that somebody is looking at included."""
    return waiting(target, target.output(_OUTPUTS[queue]))


def waiting(target: Target, url: str) -> int:
    """The same of any queue."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def look(target: Target, queue: Queue, *, limit: int) -> list[LostEvent]:
    """At most `limit` messages, hidden from others for two minutes: `give_back` those that are left."""
    found: dict[str, LostEvent] = {}
    while len(found) < limit:
        messages = (
            target.client("sqs")
            .receive_message(
                QueueUrl=target.output(_OUTPUTS[queue]),
                MaxNumberOfMessages=min(10, limit - len(found)),
                VisibilityTimeout=_HIDDEN_FOR,
                MessageSystemAttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            )
            .get("Messages", [])
        )
        if not messages:
            break
        found |= {message["MessageId"]: _read(target, queue, message) for message in messages}
    return list(found.values())


def give_back(target: Target, events: list[LostEvent]) -> None:
    """Whoever looks next finds them."""
    for event in events:
        target.client("sqs").change_message_visibility(
            QueueUrl=target.output(_OUTPUTS[event.queue]), ReceiptHandle=event.receipt, VisibilityTimeout=0
        )


def redrive(target: Target, event: LostEvent, reason: str) -> None:
    """Deliver once more; the message goes only when that is done. Safe to repeat: a registration event starts nothing twice, functions
    are idempotent, and the claim lets one execution have a certificate.

    Raises `AnsweredNo` for an event that cannot be delivered, or that fails again; `BadInput`, `TrailUnavailable`.
    """
    why = require_reason(reason)
    if event.goes_to is None:
        raise AnsweredNo(f"Message {event.message_id} cannot be redriven: {event.problem}")
    with recorded(
        target,
        "admission",
        "redrive_event",
        event.message_id,
        new={"queue": event.queue, "to": event.goes_to},
        reason=why,
    ):
        if event.goes_to == target.output("RegistrationQueueUrl"):
            target.client("sqs").send_message(QueueUrl=event.goes_to, MessageBody=json.dumps(event.payload))
        else:
            _invoke(target, event)
        target.client("sqs").delete_message(QueueUrl=target.output(_OUTPUTS[event.queue]), ReceiptHandle=event.receipt)


def _invoke(target: Target, event: LostEvent) -> None:
    answer = target.client("lambda").invoke(FunctionName=event.goes_to, Payload=json.dumps(event.payload).encode())
    if "FunctionError" in answer:
        said = answer["Payload"].read().decode("utf-8", "replace")[:300]
        raise AnsweredNo(f"{event.goes_to} fails again: {said}. The message stays.")


def _read(target: Target, queue: Queue, message: dict[str, Any]) -> LostEvent:
    known: dict[str, Any] = {
        "queue": queue,
        "message_id": message["MessageId"],
        "receipt": message["ReceiptHandle"],
        "since": datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
    }
    try:
        body = stored.read(message["Body"])
        read = _of_rule(target, body) if queue == "rule" else _of_dead_letters(target, body, message)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, GatehouseError) as error:
        problem = f"it is not in a form that Gatehouse knows: {type(error).__name__}: {error}"
        return LostEvent(**known, what=quoted(message["Body"]), error="", problem=problem)
    return LostEvent(**known, **read)


def _of_rule(target: Target, body: Any) -> dict[str, Any]:
    event = stored.read(base64.b64decode(body["base64OriginalPayload"], validate=True))
    return _registration(
        target, event, "; ".join(str(failure.get("errorMessage")) for failure in body.get("failures", []))
    )


def _registration(target: Target, event: Any, error: str) -> dict[str, Any]:
    return {
        "what": f"certificate {read_event(event).certificate_id}",
        "error": error,
        "goes_to": target.output("RegistrationQueueUrl"),
        "payload": event,
    }


def _of_dead_letters(target: Target, body: Any, message: dict[str, Any]) -> dict[str, Any]:
    if "certificateStatus" in body:
        return _registration(target, body, "no execution could be started: the log of start_admissions says why")
    if "DDBStreamBatchInfo" in body:
        batch = body["DDBStreamBatchInfo"]
        return {
            "what": f"{batch['batchSize']} changes of the approvals table",
            "error": str(body["requestContext"].get("condition")),
            "problem": "the message holds no events; decisions are swept every minute, so nothing has to be redriven",
        }
    attributes = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
    if "requestContext" in body:
        function, payload = body["requestContext"]["functionArn"], body["requestPayload"]
        error = str(body["requestContext"].get("condition"))
    else:
        function, payload, error = attributes["TARGET_ARN"], body, attributes.get("ERROR_MESSAGE", "")
    what = f"{payload.get('detail-type', 'an event')} for {function.split(':')[6]}"
    if function.split(":")[6] not in _functions(target):
        return {"what": what, "error": error, "problem": f"{function} is none of the stack's functions"}
    return {"what": what, "error": error, "goes_to": function, "payload": payload}


def _functions(target: Target) -> set[str]:
    return {found for kind, found in resources(target) if kind == "AWS::Lambda::Function"}


def resources(target: Target) -> Iterator[tuple[str, str]]:
    """Type and physical id of each resource of the stack."""
    pages = target.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=target.stack)
    for page in pages:
        for found in page["StackResourceSummaries"]:
            yield found["ResourceType"], found.get("PhysicalResourceId", "")
