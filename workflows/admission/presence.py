"""Read AWS IoT's presence event: which certificate has connected, and when.

https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html: events may come twice and out of order.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from workflows.admission.errors import EventMalformed
from workflows.admission.registration import quoted
from workflows.hashes import Sha256


class Connected(Struct, frozen=True, kw_only=True):
    """The event as the topic rule passes it. `at` is in milliseconds since the epoch."""

    certificate_id: Sha256
    at: Annotated[int, Meta(ge=0, le=253_402_300_799_999)]


def read(event: Any) -> Connected:
    """Raises `EventMalformed`."""
    try:
        return msgspec.convert(event, Connected)
    except msgspec.ValidationError as error:
        raise EventMalformed(f"Not a connection of a certificate: {error}. Got {quoted(event)}") from error
