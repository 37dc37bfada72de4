"""What Lambda hands over of a queue, and what it takes back."""

from typing import Any

import pytest

from functions.shared import queue_messages
from workflows.admission import contracts
from workflows.errors import BadInput


def test_a_batch_is_read_and_who_sent_it_is_not() -> None:
    """The event as the developer guide shows it (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html), shortened."""
    record = {"messageId": "059f36b4", "receiptHandle": "AQEB", "body": "Test message.", "attributes": {}}
    [message] = queue_messages.read({"Records": [record]})
    assert (message.message_id, message.body) == ("059f36b4", "Test message.")


@pytest.mark.parametrize("event", [None, {}, {"Records": None}, {"Records": [{"messageId": "1"}]}])
def test_another_event_is_refused(event: Any) -> None:
    with pytest.raises(BadInput, match="Batch"):
        queue_messages.read(event)


def test_the_response_names_what_failed() -> None:
    assert contracts.write(queue_messages.response(["1", "2"])) == {
        "batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]
    }
