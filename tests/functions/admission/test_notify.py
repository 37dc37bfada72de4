"""Programs and people are told of every end; a fault of the bus is retried."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from functions.admission.notify.app import handler
from tests import aws_environment, faults
from tests.unit.admission.test_notification import ended
from workflows.admission import contracts
from workflows.errors import AwsUnavailable


def notify(**unusual: Any) -> Any:
    return aws_environment.call(handler, contracts.write(ended(**unusual)))


def test_both_are_told(inbox: aws_environment.Inbox) -> None:
    answer = notify()
    (mail,), (event,) = inbox.read()
    assert event["id"] == answer["event_id"]
    assert mail["Subject"].startswith("Gatehouse: pump-0042 admitted")
    assert "keep trying" in mail["Message"]
    assert mail["MessageAttributes"]["kind"]["Value"] == "admission_admitted"
    assert (event["source"], event["detail-type"]) == ("gatehouse", "Admission ended")
    assert event["detail"]["outcome"] == "admitted"
    assert event["resources"] == [event["detail"]["execution_arn"]]


def test_the_outcome_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    notify(outcome="held")
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    (metric,) = [line for line in lines if "_aws" in line]
    assert (metric["AdmissionEnded"], metric["outcome"]) == ([1.0], "held")


def test_a_bus_that_does_not_take_the_event_is_not_overlooked(inbox: aws_environment.Inbox) -> None:
    """PutEvents answers 200 and says in the body that it failed."""
    with faults.entries_refused(), pytest.raises(AwsUnavailable, match="ThrottlingException"):
        notify()
    inbox.read()  # moto has taken it all the same
    notify()
    assert len(inbox.read()[0]) == 1


def test_throttling_may_work_later(inbox: aws_environment.Inbox) -> None:
    with faults.refused("events", "PutEvents", "ThrottlingException", times=9), pytest.raises(AwsUnavailable):
        notify()
    notify()
    mails, events = inbox.read()
    assert (len(mails), len(events)) == (1, 1)


def test_of_a_trial_programs_are_told_and_people_are_not(inbox: aws_environment.Inbox) -> None:
    told = ended(outcome="held")
    answer = aws_environment.call(handler, contracts.write(replace(told, seal=replace(told.seal, trial=True))))
    mails, (event,) = inbox.read()
    assert (mails, answer["event_id"]) == ([], event["id"])
    assert event["detail"]["trial"] is True
    notify(outcome="held")
    (_,), (event,) = inbox.read()
    assert event["detail"]["trial"] is False
