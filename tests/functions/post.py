"""Cognito with people in it, and what SES was given to send."""

from typing import Any

from moto.ses.models import ses_backends

from tests import aws_environment

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
        """To whom, since the last look, once all that waits is told."""
        aws_environment.tell()
        return self.new()

    def new(self) -> list[str]:
        """To whom, since the last look."""
        messages = ses_backends[aws_environment.ACCOUNT][aws_environment.REGION].sent_messages
        new, self._read = messages[self._read :], len(messages)
        assert all(len(message.destinations["ToAddresses"]) == 1 for message in new), "nobody sees another's address"
        return sorted(message.destinations["ToAddresses"][0].partition("@")[0] for message in new)

    def last(self) -> Any:
        return ses_backends[aws_environment.ACCOUNT][aws_environment.REGION].sent_messages[-1]
