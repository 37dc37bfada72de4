"""Read the event that starts an admission. It may hold anything: whoever may start executions writes it."""

import re
from typing import Any, Literal

import msgspec
from msgspec import Struct

from workflows.admission.errors import EventMalformed
from workflows.hashes import Sha256


class RegistrationEvent(Struct, frozen=True, kw_only=True, rename="camel"):
    """What AWS IoT publishes on ``$aws/events/certificates/registered/<caCertificateId>``; unknown fields are allowed."""

    certificate_id: Sha256
    ca_certificate_id: Sha256
    certificate_status: Literal["PENDING_ACTIVATION"]
    aws_account_id: str = ""
    timestamp: int | None = None
    certificate_registration_timestamp: int | str | None = None


MAX_OCTETS = 8_192
MAX_DEPTH = 8
"""AWS IoT's own event is flat and has about 400 octets. The event passes from state to state, whose payloads have a limit, and is sealed
in the record. An event that is too large for that is refused here, before anything is claimed."""


def read_event(event: Any) -> RegistrationEvent:
    """Read the event. Raises `EventMalformed` with the field, what was got (escaped and cut) and what was expected."""
    if excess := _excess(event):
        raise EventMalformed(
            f"Not a registration event: it {excess}. Expected what AWS IoT publishes on "
            "$aws/events/certificates/registered/<caCertificateId>, which is flat and has about 400 octets."
        )
    try:
        return msgspec.convert(event, RegistrationEvent)
    except msgspec.ValidationError as error:
        message = str(error)
        path = match.group(1) if (match := re.search(r" - at `\$\.?(.*?)`$", message)) else ""
        problem = quoted(re.sub(r" - at `.*?`$", "", message), 160)[1:-1]  # it contains the value that was got
        value = event.get(path) if isinstance(event, dict) and path else event
        where = f"`{path}` is {quoted(value)}" if path else f"got {quoted(value)}"
        raise EventMalformed(
            f"Not a registration event: {where}. {problem}. "
            "Expected what AWS IoT publishes on $aws/events/certificates/registered/<caCertificateId>."
        ) from error


def _excess(event: Any) -> str | None:
    """Which limit the event exceeds, in words; None if it exceeds none. It does not recurse: an attacker chooses the depth."""
    octets, waiting = 0, [(event, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                return f"is nested more than {MAX_DEPTH} deep"
            parts = value if isinstance(value, list) else [part for pair in value.items() for part in pair]
            octets += len(parts)
            waiting += [(part, depth + 1) for part in parts]
        elif isinstance(value, str):
            octets += len(value.encode("utf-8", "surrogatepass"))
        elif isinstance(value, int):
            octets += value.bit_length() // 4 + 1
        else:
            octets += 8
        if octets > MAX_OCTETS:
            return f"has more than {MAX_OCTETS} octets"
    return None


def quoted(value: Any, limit: int = 80) -> str:
    """`value` for a message: ASCII, control characters escaped, cut."""
    try:
        text = ascii(value)
    except (RecursionError, ValueError):  # nested too deep, or an integer of thousands of digits
        return f"<a {type(value).__name__} that cannot be printed>"
    return text if len(text) <= limit else f"{text[:limit]}..."
