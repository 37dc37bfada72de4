"""Reading the event that starts an admission. Anything may stand in it: whoever may start executions may write it."""

import re
from typing import Any

import msgspec

from workflows.admission.contracts import RegistrationEvent
from workflows.admission.errors import EventMalformed


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
