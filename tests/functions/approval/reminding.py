"""The schedule on which what is due is put on the bus, for tests."""

from typing import Any

from functions.approval.remind_approvers.app import handler
from tests import aws_environment
from tests.approvals import ruling

RULE = ruling(remind_after=3600, escalate_after=7200, escalate_to="managers")


def runs(milliseconds: int = 60_000) -> Any:
    context = aws_environment.context()
    context.get_remaining_time_in_millis = lambda: milliseconds
    return handler({"source": "aws.events"}, context)


def told(inbox: aws_environment.Inbox) -> list[str]:
    """The kinds of message on the topic, each of an event on the bus."""
    mails, events = inbox.read()
    kinds = [mail["MessageAttributes"]["kind"]["Value"] for mail in mails]
    assert len(events) >= len(mails)
    assert {event["source"] for event in events} <= {"gatehouse"}
    return kinds
