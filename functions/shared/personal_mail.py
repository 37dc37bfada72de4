"""Mail to single people by SES, in addition to the topic's messages to everybody; and the members of groups, from Cognito."""

import re

from botocore.exceptions import ClientError

from functions.shared.aws import client, translated
from functions.shared.observability import count, logger

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
"""A plain address (RFC 5321 section 4.1.2, without quoted ones). Mail goes only to such: they cannot inject a header."""

_REFUSED = frozenset(
    {"MessageRejected", "BadRequestException", "MailFromDomainNotVerifiedException", "NotFoundException"}
)


class PersonalMail:
    """With an empty `sender`, no mail is sent. With an empty `user_pool`, people sign in elsewhere, and groups' members are unknown.

    Caches the groups that were requested; make a new object for each call of the function.
    """

    def __init__(self, sender: str, user_pool: str) -> None:
        self._sender = sender
        self._user_pool = user_pool
        self._known: dict[str, dict[str, str]] = {}

    @property
    def wanted(self) -> bool:
        return bool(self._sender)

    def members(self, group: str) -> dict[str, str]:
        """Returns verified addresses of the members of `group` who may sign in, by subject. Raises `AwsUnavailable`, `AccessRefused`."""
        if not self._user_pool:
            return {}
        if group not in self._known:
            self._known[group] = self._ask(group)
        return self._known[group]

    def send(self, address: str, subject: str, text: str) -> bool:
        """Send one mail to one person. Returns False if the address is not valid, or SES refuses the mail; that is counted, not retried.

        Raises `AwsUnavailable`: the mail may have been sent or not.
        """
        if not is_address(address):
            return False
        try:
            with translated():
                client("sesv2").send_email(
                    FromEmailAddress=self._sender,
                    Destination={"ToAddresses": [address]},
                    Content={
                        "Simple": {
                            "Subject": {"Data": subject, "Charset": "UTF-8"},
                            "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
                        }
                    },
                )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _REFUSED:
                raise
            count("MailRefused")
            logger.warning("SES refused a mail: %s", error.response["Error"]["Code"])
            return False
        return True

    def _ask(self, group: str) -> dict[str, str]:
        found: dict[str, str] = {}
        pages = client("cognito-idp").get_paginator("list_users_in_group")
        with translated():
            try:
                for page in pages.paginate(UserPoolId=self._user_pool, GroupName=group):
                    for user in page["Users"]:
                        known = {part["Name"]: part.get("Value", "") for part in user.get("Attributes", [])}
                        verified = known.get("email_verified", "").lower() == "true"
                        if user.get("Enabled", True) and verified and is_address(known.get("email", "")):
                            found[known["sub"]] = known["email"]
            except client("cognito-idp").exceptions.ResourceNotFoundException:
                logger.warning("there is no group %s in the user pool", group)
        return found


def is_address(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None
