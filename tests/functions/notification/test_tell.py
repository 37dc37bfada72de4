"""What lies in the queue is told at least once, whatever dies and in whatever order it comes; and nobody twice for another's sake."""

import itertools
import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from functions.notification.tell.app import handler
from functions.notification.tell.received import Letter
from functions.shared.event_bus import EventBus
from functions.shared.settings import settings
from tests import aws_environment, faults
from tests.approvals import HOUR, MINUTE, NOW, asked, person
from tests.functions.approval.conftest import Scene
from tests.functions.approval.reminding import RULE, runs
from tests.functions.post import Post
from tests.unit.test_events import EXAMPLES
from workflows import events
from workflows.events import Event

OF_NO_REQUEST = [event for event in EXAMPLES if not isinstance(event, events.ApprovalEvent)]


def put(event: Event) -> None:
    """On the bus, as a function does it."""
    EventBus("default").put(event)


def kinds(inbox: aws_environment.Inbox) -> list[str]:
    return [mail["MessageAttributes"]["kind"]["Value"] for mail in inbox.read()[0]]


def queued(*bodies: Any) -> list[dict[str, str]]:
    """Records as AWS Lambda hands them over, of a queue of the test's own."""
    texts = [body if isinstance(body, str) else msgspec.json.encode(body).decode() for body in bodies]
    return [{"messageId": str(number), "receiptHandle": "x", "body": text} for number, text in enumerate(texts)]


def failed(records: list[dict[str, str]]) -> list[str]:
    answer = handler({"Records": records}, aws_environment.context())
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


@pytest.fixture
def members(scene: Scene, post: Post) -> dict[str, Any]:
    """Three people who are asked, by name."""
    groups = {"ada": "quality", "kim": "quality", "sam": "security"}
    return {name: person(post.person(name, group), group) for name, group in groups.items()}


@pytest.mark.parametrize("event", OF_NO_REQUEST, ids=lambda event: type(event).__name__)
def test_people_are_told_of_each_event_that_is_for_them_and_of_no_other(
    event: Event, environment: dict[str, str], inbox: aws_environment.Inbox
) -> None:
    put(event)
    mails, [on_bus] = inbox.read()
    assert on_bus["detail-type"] == event.detail_type
    assert len(mails) == event.for_people
    assert all(mail["Message"].startswith("As of 2026-11-23 ") for mail in mails)


def test_a_message_that_comes_twice_is_told_twice(environment: dict[str, str], inbox: aws_environment.Inbox) -> None:
    put(next(event for event in EXAMPLES if isinstance(event, events.AdmissionEnded)))
    records = aws_environment.waiting_to_be_told()
    assert failed(records) == []
    aws_environment.tell_of(records)
    assert kinds(inbox) == ["admission_admitted", "admission_admitted"]


def test_whoever_dies_after_any_call_loses_nothing(
    scene: Scene, post: Post, members: dict[str, Any], inbox: aws_environment.Inbox
) -> None:
    """What the function was at comes again, as it does when a function dies; that it died once has nobody told three times."""
    scene.asks()
    [event] = aws_environment.waiting_to_be_told()
    for number in itertools.count(1):
        aws_environment.client("sqs").send_message(
            QueueUrl=scene.environment["TELL_QUEUE_URL"], MessageBody=event["body"]
        )
        if number == 1:
            aws_environment.client("sqs").delete_message(
                QueueUrl=scene.environment["TELL_QUEUE_URL"], ReceiptHandle=event["receiptHandle"]
            )
        with faults.dying_after(number, faults.Killed) as calls, suppress(faults.Killed):
            aws_environment.tell()
        mailed, on_topic = post.sent(), kinds(inbox)
        assert set(mailed) == {"ada", "kim", "sam"}, calls
        assert max(mailed.count(name) for name in mailed) <= 2, calls
        assert on_topic in (["approval_requested"], ["approval_requested"] * 2), calls
        if len(calls) < number:
            break
    assert {"sns.Publish", "sqs.SendMessageBatch", "sesv2.SendEmail", "dynamodb.GetItem"} <= set(calls)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_in_any_order_the_last_word_is_how_it_stands(
    scene: Scene, post: Post, members: dict[str, Any], inbox: aws_environment.Inbox, order: tuple[int, ...]
) -> None:
    """A request is asked, a reminder falls due, it is decided; and the messages come late and in any order."""
    scene.asks(asked(rule=RULE))
    scene.at(NOW + HOUR)
    runs()
    scene.votes(members["ada"])
    scene.votes(members["sam"])
    runs()
    waiting = aws_environment.waiting_to_be_told()
    assert len(waiting) == 3
    scene.at(NOW + HOUR + MINUTE)
    for number in order:
        assert aws_environment.tell_of([waiting[number]]) == set()
    assert kinds(inbox) == ["approval_decided"]
    assert post.sent() == ["ada", "kim"]  # sam decided, and knows
    assert post.last().body.startswith("As of 2026-11-23 13:01 UTC: Activate certificate ")


def test_a_letter_that_comes_late_is_worded_anew_or_not_sent(scene: Scene, post: Post, members: dict[str, Any]) -> None:
    scene.asks()
    event = aws_environment.waiting_to_be_told()
    aws_environment.tell_of(event)
    letters = aws_environment.waiting_to_be_told()
    assert len(letters) == 3
    scene.at(NOW + HOUR)
    scene.votes(members["ada"])
    assert failed(letters) == []
    assert post.new() == ["kim", "sam"]  # ada has voted meanwhile
    assert "1 of 2 received" in post.last().body
    scene.votes(members["sam"])
    assert failed(letters) == []
    assert post.new() == []


def test_an_approval_that_is_lost_meanwhile_is_told_as_that(
    scene: Scene, members: dict[str, Any], inbox: aws_environment.Inbox
) -> None:
    given = asked()
    scene.asks(given)
    scene.votes(members["ada"])
    scene.votes(members["sam"])
    inbox.read()
    runs()
    scene.step_functions.ends(given.execution.arn)
    scene.streams()
    assert kinds(inbox) == ["approval_not_carried_out"]
    runs()
    assert kinds(inbox) == ["approval_not_carried_out"]


def test_one_bad_address_repeats_nothing(scene: Scene, post: Post, members: dict[str, Any]) -> None:
    """SES throttles one mail: that person's message alone stays in the queue."""
    scene.asks()
    with faults.refused("sesv2", "SendEmail", "TooManyRequestsException", after=1):
        assert aws_environment.tell() == 1
    assert len(post.new()) == 2
    [left] = aws_environment.waiting_to_be_told()
    assert aws_environment.tell() == 0
    assert post.new() == [json.loads(left["body"])["to"].partition("@")[0]]


@pytest.mark.parametrize("call", ["dynamodb.GetItem", "dynamodb.Query", "cognito-idp.ListUsersInGroup", "sns.Publish"])
def test_an_outage_before_anything_is_sent_repeats_nothing(
    scene: Scene, post: Post, members: dict[str, Any], inbox: aws_environment.Inbox, call: str
) -> None:
    scene.asks()
    service, operation = call.split(".")
    with faults.refused(service, operation, "ThrottlingException"):
        assert aws_environment.tell() == 1
    assert kinds(inbox) == ["approval_requested"]
    assert post.sent() == ["ada", "kim", "sam"]


def test_letters_that_the_queue_does_not_take_are_sent_with_the_event_again(
    scene: Scene, post: Post, members: dict[str, Any], inbox: aws_environment.Inbox
) -> None:
    """SendMessageBatch returns 200, and in its body what it did not take."""

    def refuse(answer: dict[str, Any]) -> None:
        answer["Failed"] = [{"Id": "0", "Code": "InternalError", "SenderFault": False}]

    scene.asks()
    [event] = aws_environment.waiting_to_be_told()
    with faults.answering("sqs", "SendMessageBatch", refuse):
        assert aws_environment.tell_of([event]) == {event["messageId"]}
    assert aws_environment.tell() == 0
    assert post.new() == ["ada", "ada", "kim", "kim", "sam", "sam"]
    assert kinds(inbox) == ["approval_requested"] * 2


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"source": "gatehouse", "detail-type": "Admission ended", "detail": {}}',
        '{"source": "aws.s3", "detail-type": "Object Created", "detail": {}}',
        '{"source": "gatehouse", "detail-type": "Door opened", "detail": {}}',
        Letter(event="Admission ended", approval_id="0" * 32, to="ada@example.com"),
        Letter(event="Door opened", approval_id="0" * 32, to="ada@example.com"),
        Letter(event="Approval reminder", approval_id="0" * 32, to="ada@example.com"),
    ],
    ids=range(10),
)
def test_what_cannot_be_told_keeps_nothing_else_back(
    environment: dict[str, str], inbox: aws_environment.Inbox, body: Any
) -> None:
    """Whoever may send to the queue may have written it. It ends in the dead-letter queue."""
    put(next(event for event in EXAMPLES if isinstance(event, events.ExecutionFailed)))
    [good] = aws_environment.waiting_to_be_told()
    assert failed([*queued(body), good]) == ["0"]
    assert "execution_failed" in kinds(inbox)


def test_an_event_that_somebody_else_puts_words_no_message_about_a_request(
    scene: Scene, members: dict[str, Any], inbox: aws_environment.Inbox
) -> None:
    """Whoever may put events in the account chooses which request is told of, and nothing that people read of it."""
    scene.asks()
    inbox.read()
    forged = next(event for event in EXAMPLES if isinstance(event, events.ApprovalRequested))
    put(
        msgspec.structs.replace(
            forged, approval_id=scene.id, link="https://evil.example", sentence="evil", device="evil"
        )
    )
    (mail,), _ = inbox.read()
    assert "evil" not in mail["Message"] + mail["Subject"]
    assert f"https://approvals.example/approvals/{scene.id}" in mail["Message"]


def test_with_little_time_left_the_rest_comes_again(environment: dict[str, str], inbox: aws_environment.Inbox) -> None:
    put(next(event for event in EXAMPLES if isinstance(event, events.ExecutionFailed)))
    [record] = aws_environment.waiting_to_be_told()
    context = aws_environment.context()
    context.get_remaining_time_in_millis = lambda: 10_000
    assert handler({"Records": [record]}, context)["batchItemFailures"] == [{"itemIdentifier": record["messageId"]}]
    assert kinds(inbox) == ["execution_failed"]


def test_no_mail_is_sent_once_no_sender_is_set(
    scene: Scene, post: Post, members: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Letters that were waiting then concern nobody."""
    scene.asks()
    aws_environment.tell_of(aws_environment.waiting_to_be_told())
    monkeypatch.setenv("MAIL_FROM", "")
    settings.cache_clear()
    with faults.listening("sesv2", "SendEmail") as asked_of_ses:
        assert aws_environment.tell() == 0
    assert asked_of_ses == []


def test_no_address_is_in_the_log(
    scene: Scene,
    members: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene.asks()
    with faults.refused("sesv2", "SendEmail", "TooManyRequestsException", times=99):
        assert aws_environment.tell() == 3
    assert "could not be told" in caplog.text
    assert "@example.com" not in caplog.text + capsys.readouterr().out
