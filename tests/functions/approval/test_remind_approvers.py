"""Reminders, escalations and results: to the topic, to the bus, and to each person, at least once and noted."""

from typing import Any

import pytest
from moto.ses.models import ses_backends
from msgspec.structs import replace

from functions.approval.remind_approvers.app import handler
from functions.shared import personal_mail
from functions.shared.approvals import Approvals
from functions.shared.messages import Messages
from functions.shared.settings import settings
from tests import aws_environment
from tests.approvals import HOUR, MINUTE, NOW, TOKEN, asked, asks, person, ruling
from tests.functions.approval.conftest import Scene
from workflows.admission.errors import AwsUnavailable
from workflows.approval.request import Step

RULE = ruling(remind_after=3600, escalate_after=7200, escalate_to="managers")
ADA, SAM = person("ada", "quality"), person("sam", "security")
FROM = "gatehouse@example.com"


def runs(milliseconds: int = 60_000) -> Any:
    context = aws_environment.context()
    context.get_remaining_time_in_millis = lambda: milliseconds
    return handler({"source": "aws.events"}, context)


def told(inbox: aws_environment.Inbox) -> list[str]:
    """The kinds of message on the topic; the bus was told of each as well."""
    mails, events = inbox.read()
    kinds = [mail["MessageAttributes"]["kind"]["Value"] for mail in mails]
    assert len(events) == len(mails)
    assert {event["source"] for event in events} <= {"gatehouse"}
    return kinds


@pytest.fixture
def opened(scene: Scene, inbox: aws_environment.Inbox) -> str:
    identity = scene.asks(asked(rule=RULE))
    assert told(inbox) == ["approval_requested"]
    return identity


def test_the_life_of_a_request_that_nobody_decides(scene: Scene, opened: str, inbox: aws_environment.Inbox) -> None:
    for after, kinds in (
        (HOUR - MINUTE, []),
        (HOUR, ["approval_reminder"]),
        (HOUR + MINUTE, []),
        (2 * HOUR, ["approval_escalated"]),
        (4 * HOUR + 9 * MINUTE, []),
        (4 * HOUR + 10 * MINUTE, ["approval_expired"]),
        (9 * HOUR, []),
    ):
        scene.at(NOW + after)
        for _ in range(2):  # a schedule may run twice
            runs()
        assert told(inbox) == kinds
    assert scene.request().status == "EXPIRED"
    trail = [(event.type, event.source) for event in scene.approvals.events(opened)]
    assert trail[2:] == [
        ("told", "remind_approvers"),
        ("told", "remind_approvers"),
        ("expired", "remind_approvers"),
        ("told", "remind_approvers"),
    ]


def test_an_expiry_that_the_execution_reads_itself_is_told_too(
    scene: Scene, opened: str, inbox: aws_environment.Inbox
) -> None:
    scene.at(NOW + 2 * HOUR)
    runs()
    inbox.read()
    scene.at(NOW + 4 * HOUR)
    assert scene.reads().status == "expired"
    runs()
    assert told(inbox) == ["approval_expired"]
    assert scene.request().resume_state == "DELIVERED"


def test_an_expiry_by_the_schedule_wakes_the_execution_that_still_waits(scene: Scene, opened: str) -> None:
    """The state was entered again late, so that its own time-out is long after decide_by."""
    scene.at(NOW + 5 * HOUR)
    runs()
    assert scene.request().resume_state == "OWED"
    scene.sweeps()
    assert len(scene.step_functions.outputs) == 1
    assert scene.request().resume_state == "DELIVERED"


def test_an_expiry_of_an_execution_that_is_gone_is_no_decision_that_was_lost(
    scene: Scene, opened: str, inbox: aws_environment.Inbox
) -> None:
    scene.step_functions.ends(asked().execution.arn)
    scene.at(NOW + 5 * HOUR)
    runs()
    scene.sweeps()
    assert scene.request().resume_state == "DELIVERED"
    assert "approval_not_carried_out" not in told(inbox)


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_decision_is_told_with_who_and_what_follows(
    scene: Scene, opened: str, inbox: aws_environment.Inbox, decision: str
) -> None:
    scene.at(NOW + MINUTE)
    if decision == "approve":
        scene.votes(SAM)
    scene.votes(ADA, decision)
    runs()
    (mail,), (event,) = inbox.read()
    assert mail["Subject"].startswith("Approved: " if decision == "approve" else "Rejected: ")
    assert "by Ada (quality)" in mail["Message"]
    assert (event["detail-type"], event["detail"]["told"]) == ("Approval decided", event["detail"]["status"])
    assert event["detail"]["link"] == f"https://approvals.example/approvals/{opened}"
    runs()
    assert told(inbox) == []


def test_what_came_too_late_to_its_execution_is_told(scene: Scene, opened: str, inbox: aws_environment.Inbox) -> None:
    scene.votes(ADA)
    scene.votes(SAM)
    runs()
    scene.at(NOW + 9 * HOUR)
    assert scene.reads().status == "expired"
    inbox.read()
    runs()
    (mail,), (event,) = inbox.read()
    assert "execute_by" in mail["Message"].replace("?", "_")
    assert event["detail-type"] == "Approval not carried out"
    runs()
    assert told(inbox) == []


def test_a_loss_that_the_resumer_told_is_not_told_again(
    scene: Scene, opened: str, inbox: aws_environment.Inbox
) -> None:
    scene.votes(ADA)
    scene.votes(SAM)
    scene.step_functions.ends(asked().execution.arn)
    scene.streams()
    runs()
    assert told(inbox) == ["approval_not_carried_out"]


def test_a_crash_between_sending_and_noting_sends_twice_and_not_never(
    scene: Scene, opened: str, inbox: aws_environment.Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crashes(*_: Any, **__: Any) -> bool:
        raise KeyboardInterrupt

    scene.at(NOW + HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(Approvals, "commit", crashes)
        with pytest.raises(KeyboardInterrupt):
            runs()
    runs()
    assert told(inbox) == ["approval_reminder", "approval_reminder"]
    runs()
    assert told(inbox) == []


def test_a_crash_before_sending_loses_nothing(
    scene: Scene, opened: str, inbox: aws_environment.Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> str:
        raise AwsUnavailable("SNS is away")

    scene.at(NOW + HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(Messages, "mail", away)
        runs()
    assert scene.request().reminded_at is None
    runs()
    assert told(inbox) == ["approval_reminder"]


def test_one_that_fails_does_not_keep_the_others_waiting(
    scene: Scene, opened: str, inbox: aws_environment.Inbox, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    other = scene.asks(asked("pump-0043", rule=RULE, token="token-2", run="run-2"))
    inbox.read()
    commit = Approvals.commit

    def half(self: Approvals, step: Step, **more: Any) -> bool:
        if step.before.approval_id == opened:
            raise AwsUnavailable("away")
        return commit(self, step, **more)

    monkeypatch.setattr(Approvals, "commit", half)
    scene.at(NOW + HOUR)
    capsys.readouterr()
    assert runs() == {"looked_at": 2}
    assert scene.request(other).reminded_at == NOW + HOUR
    assert "ApproversNotTold" in capsys.readouterr().out


def test_a_vote_between_the_look_and_the_message_takes_the_reminder_back(
    scene: Scene, opened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = Messages.mail

    def meanwhile(self: Messages, *words: str) -> str:
        monkeypatch.setattr(Messages, "mail", mail)
        scene.votes(SAM)
        scene.votes(ADA)
        return mail(self, *words)

    scene.at(NOW + HOUR)
    monkeypatch.setattr(Messages, "mail", meanwhile)
    runs()
    request = scene.request()
    assert (request.status, request.reminded_at, request.told) == ("APPROVED", None, "approved")


def test_with_little_time_left_the_rest_waits(scene: Scene, opened: str) -> None:
    scene.at(NOW + HOUR)
    assert runs(milliseconds=10_000) == {"looked_at": 0}
    assert runs() == {"looked_at": 1}


def test_new_evidence_is_announced_again(scene: Scene, opened: str, inbox: aws_environment.Inbox) -> None:
    scene.votes(ADA)
    given = asked(rule=RULE, token="token-2")
    scene.asks(replace(given, device=replace(given.device, basis_sha256="f" * 64)))
    assert told(inbox) == ["approval_requested"]
    scene.asks(replace(asked(rule=RULE, token="token-3"), device=replace(given.device, basis_sha256="f" * 64)))
    assert told(inbox) == []


# --- each person by themselves -------------------------------------------------------------------------------------------


class Post:
    """Cognito with people in it, and what SES was given to send."""

    def __init__(self) -> None:
        cognito = aws_environment.client("cognito-idp")
        self.pool = cognito.create_user_pool(PoolName="approvers")["UserPool"]["Id"]
        for group in ("quality", "security", "managers"):
            cognito.create_group(UserPoolId=self.pool, GroupName=group)
        aws_environment.client("sesv2").create_email_identity(EmailIdentity=FROM)
        self._read = 0

    def person(self, name: str, *groups: str, verified: str = "true", enabled: bool = True) -> str:
        """Answers the subject."""
        cognito = aws_environment.client("cognito-idp")
        user = cognito.admin_create_user(
            UserPoolId=self.pool,
            Username=name,
            UserAttributes=[
                {"Name": "email", "Value": f"{name}@example.com"},
                {"Name": "email_verified", "Value": verified},
            ],
        )["User"]
        for group in groups:
            cognito.admin_add_user_to_group(UserPoolId=self.pool, Username=name, GroupName=group)
        if not enabled:
            cognito.admin_disable_user(UserPoolId=self.pool, Username=name)
        subject: str = {part["Name"]: part["Value"] for part in user["Attributes"]}["sub"]
        return subject

    def sent(self) -> list[str]:
        """To whom, since the last look."""
        messages = ses_backends[aws_environment.ACCOUNT][aws_environment.REGION].sent_messages
        new, self._read = messages[self._read :], len(messages)
        assert all(len(message.destinations["ToAddresses"]) == 1 for message in new), "nobody sees another's address"
        return sorted(message.destinations["ToAddresses"][0].partition("@")[0] for message in new)

    def last(self) -> Any:
        return ses_backends[aws_environment.ACCOUNT][aws_environment.REGION].sent_messages[-1]


@pytest.fixture
def post(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Post:
    made = Post()
    monkeypatch.setenv("MAIL_FROM", FROM)
    monkeypatch.setenv("USER_POOL_ID", made.pool)
    settings.cache_clear()
    return made


def test_each_is_asked_reminded_and_told_by_themselves(scene: Scene, post: Post) -> None:
    ada = person(post.person("ada", "quality"), "quality")
    post.person("kim", "quality")
    post.person("sam", "security")
    post.person("mia", "managers")
    post.person("erin", "quality")  # entered the device
    post.person("una", "quality", verified="false")
    post.person("gone", "quality", enabled=False)
    scene.asks(
        asked(
            rule=ruling(
                remind_after=3600, escalate_after=7200, escalate_to="managers", requirements=asks(quality=1, security=1)
            ),
            entered_by="erin@example.com",
        )
    )
    assert post.sent() == []
    runs()
    assert post.sent() == ["ada", "kim", "sam"]
    assert post.last().subject.startswith("Approval needed: pump-0042")
    runs()
    assert post.sent() == []
    scene.at(NOW + MINUTE)
    scene.votes(ada)
    scene.at(NOW + HOUR)
    runs()
    assert post.sent() == ["sam"]  # quality's place is filled
    assert "You have not voted" in post.last().body
    scene.at(NOW + 2 * HOUR)
    runs()
    assert post.sent() == ["mia"]
    scene.votes(ada, "reject")  # refused: she has voted
    scene.votes(SAM)
    runs()
    assert post.sent() == ["ada", "erin", "kim", "mia", "sam"]


def test_the_requester_and_the_other_approvers_learn_the_result(scene: Scene, post: Post) -> None:
    ada = person(post.person("ada", "quality"), "quality")
    sam = person(post.person("sam", "security"), "security")
    post.person("kim", "quality")
    scene.asks(asked(entered_by="arn:aws:sts::1:assumed-role/Operator/erin@example.com"))
    runs()
    post.sent()
    scene.votes(ada)
    scene.votes(sam)
    runs()
    assert post.sent() == ["ada", "erin", "kim"]  # sam decided, and knows
    assert post.last().subject.startswith("Approved: pump-0042")


def test_a_delegate_is_written_to_in_the_delegators_stead_as_well(scene: Scene, post: Post) -> None:
    ada = person(post.person("ada", "quality"), "quality")
    body = {
        "group": "quality",
        "to": "dan@example.com",
        "until": (NOW + 24 * HOUR).isoformat(),
        "reason": "On holiday",
    }
    assert scene.api("POST", "/api/delegations", ada, body=body)[0] == 201
    scene.asks()
    runs()
    assert post.sent() == ["ada", "dan"]


def test_a_mail_that_ses_refuses_stops_nothing(
    scene: Scene, post: Post, inbox: aws_environment.Inbox, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    post.person("sam", "security")
    monkeypatch.setenv("MAIL_FROM", "nobody@unverified.example")
    settings.cache_clear()
    scene.asks()
    scene.votes(ADA, "reject")
    inbox.read()
    runs()
    assert told(inbox) == ["approval_decided"]
    assert "MailRefused" in capsys.readouterr().out
    assert scene.request().told == "rejected"


def test_without_a_sender_nobody_is_written_to_and_nothing_is_noted(scene: Scene) -> None:
    scene.asks()
    runs()
    assert scene.request().each_told_at is None
    assert scene.request().tell_each is False


@pytest.mark.parametrize(
    "written",
    [
        "erin@example.com\r\nBcc: mal@evil.example",
        "erin@example.com, mal@evil.example",
        "Erin <erin@example.com>",
        '"a\\nb"@example.com',
        "erin@localhost",
        "erin@exam ple.com",
        "@",
        "",
    ],
)
def test_what_is_no_plain_address_is_not_written_to(scene: Scene, post: Post, written: str) -> None:
    assert not personal_mail.is_address(written)
    assert personal_mail.PersonalMail(FROM, post.pool).send(written, "s", "t") is False
    assert post.sent() == []


def test_hostile_names_and_reasons_make_no_header_and_no_link(scene: Scene, post: Post) -> None:
    post.person("sam", "security")
    ada = person(post.person("ada", "quality"), "quality", name="Ada\r\nBcc: mal@evil.example")
    scene.asks(asked(device="pump\r\nSubject: x", site="http://evil.example"))
    scene.votes(replace(ada, name="Ada"), "reject", reason="see https://evil.example\r\n\r\nbye")
    runs()
    mail = post.last()
    assert "\n" not in mail.subject
    assert "evil.example" not in mail.body
    assert TOKEN not in mail.body
    assert mail.body.count("://") == 1
