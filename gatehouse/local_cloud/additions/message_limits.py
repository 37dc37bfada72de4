"""What SNS, SQS and EventBridge refuse of a message.

- SNS: a message that is empty; a subject that is not ASCII, has a line break or a control character, does not begin with a letter,
  number or punctuation mark, or has 100 characters or more (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html). The name of a
  topic (…/API_CreateTopic.html). The engine keeps to 256 KiB by itself.
- SQS: the name of a queue (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html), and waiting for
  more than 20 seconds (…/API_ReceiveMessage.html). The engine keeps to the largest message, 1 MiB since August 2025.
- EventBridge: a request of more than 256 KB; an entry without source, detail type or detail, or whose detail is no JSON object, fails
  by itself (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html, …/userguide/eb-putevent-size.html)."""

import json
import re
from collections.abc import Callable

from ministack.services import eventbridge, sns, sqs

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json, Response

REQUEST_BYTES = 256 * 1024
LONGEST_WAIT_SECONDS = 20
_SUBJECT = re.compile(r"[!-~][ -~]{0,98}")
_TOPIC_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo")
_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")


def apply() -> None:
    patch.wrap(sns, "_publish", _publish_within_limits)
    patch.wrap(sns, "_create_topic", _create_topic)
    _limit_queues()
    patch.wrap(eventbridge, "_put_events", _put_events)


def _publish_within_limits(publish: Callable[..., Response], params: Json) -> Response:
    subject = sns._p(params, "Subject")
    given = "Subject" in params
    if not sns._p(params, "Message"):
        return _invalid("Empty message")
    if given and not _SUBJECT.fullmatch(subject):
        return _invalid("Subject")
    return publish(params)


def _create_topic(create: Callable[..., Response], params: Json) -> Response:
    if not _TOPIC_NAME.fullmatch(sns._p(params, "Name")):
        return _invalid("Topic Name")
    return create(params)


def _invalid(what: str) -> Response:
    answer: Response = sns._error("InvalidParameter", f"Invalid parameter: {what}", 400)
    return answer


def _limit_queues() -> None:
    create, receive = sqs._HANDLERS["CreateQueue"], sqs._HANDLERS["ReceiveMessage"]

    def create_queue(data: Json, url: str) -> Json:
        if not _QUEUE_NAME.fullmatch(str(data.get("QueueName", ""))):
            told = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
            raise sqs._Err("InvalidParameterValue", told)
        return create(data, url)

    async def receive_message(data: Json, url: str) -> Json:
        if int(data.get("WaitTimeSeconds") or 0) > LONGEST_WAIT_SECONDS:
            told = f"Value {data['WaitTimeSeconds']} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20."
            raise sqs._Err("InvalidParameterValue", told)
        return await receive(data, url)

    sqs._HANDLERS |= {"CreateQueue": create_queue, "ReceiveMessage": receive_message}


def _put_events(original: Callable[..., Response], data: Json, allow_aws_source: bool = False) -> Response:
    entries = data.get("Entries") or []
    if allow_aws_source:
        return original(data, allow_aws_source)
    if sum(_bytes_of(entry) for entry in entries) > REQUEST_BYTES:
        told = "Total size of the entries in the request is over the limit."
        refused: Response = eventbridge.error_response_json("ValidationException", told, 400)
        return refused
    status, headers, body = original({**data, "Entries": [entry for entry in entries if not _fault(entry)]}, False)
    if status >= 300:
        return status, headers, body
    answer = json.loads(body)
    taken = iter(answer["Entries"])
    answer["Entries"] = [_fault(entry) or next(taken) for entry in entries]
    answer["FailedEntryCount"] = sum("ErrorCode" in entry for entry in answer["Entries"])
    return status, headers, json.dumps(answer).encode()


def _bytes_of(entry: Json) -> int:
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")] + list(entry.get("Resources") or ())
    return sum(len(text.encode()) for text in texts) + (14 if entry.get("Time") else 0)


def _fault(entry: Json) -> dict[str, str] | None:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            told = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": told}
    try:
        detail = json.loads(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    return None
