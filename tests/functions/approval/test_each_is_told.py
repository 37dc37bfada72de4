"""What is due, told to each person by themselves: to whom, to whom not, and nothing that could deceive."""

from typing import Any

import pytest
from moto.ses.models import ses_backends
from msgspec.structs import replace

from functions.shared import personal_mail
from functions.shared.settings import settings
from tests import aws_environment
from tests.approvals import HOUR, MINUTE, NOW, TOKEN, asked, asks, person, ruling
from tests.functions.approval.conftest import Scene
from tests.functions.approval.reminding import runs, told

ADA, SAM = person("ada", "quality"), person("sam", "security")
FROM = "gatehouse@example.com"


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
        """Returns the subject."""
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
