"""Reading the event that starts an admission. Anything may stand in it: whoever may start executions may write it."""

import re
from typing import Any, Literal

import msgspec
from msgspec import Struct

from workflows.admission.errors import EventMalformed
from workflows.hashes import Sha256


class RegistrationEvent(Struct, frozen=True, kw_only=True, rename="camel"):
    """What AWS IoT publishes on ``$aws/events/certificates/registered/<caCertificateId>``; unknown fields are let through."""

    certificate_id: Sha256
    ca_certificate_id: Sha256
    certificate_status: Literal["PENDING_ACTIVATION"]
    aws_account_id: str = ""
    timestamp: int | None = None
    certificate_registration_timestamp: int | str | None = None


def read_event(event: Any) -> RegistrationEvent:
    """The event, or `EventMalformed` with the field, what was got (escaped and cut) and what was expected."""
    try:
        return msgspec.convert(event, RegistrationEvent)
    except msgspec.ValidationError as error:
        message = str(error)
        path = match.group(1) if (match := re.search(r" - at `\$\.?(.*?)`$", message)) else ""
        problem = quoted(re.sub(r" - at `.*?`$", "", message), 160)[1:-1]  # it repeats what was got
        value = event.get(path) if isinstance(event, dict) and path else event
        where = f"`{path}` is {quoted(value)}" if path else f"got {quoted(value)}"
        raise EventMalformed(
            f"Not a registration event: {where}. {problem}. "
            "Expected what AWS IoT publishes on $aws/events/certificates/registered/<caCertificateId>."
        ) from error


def quoted(value: Any, limit: int = 80) -> str:
    """`value` for a message: ASCII, control characters escaped, cut."""
    text = ascii(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
