"""What lies in the queue: an event, as EventBridge delivers it, or a letter, as this function wrote it."""

from msgspec import Struct

from workflows import events, stored
from workflows.events import Event


class Letter(Struct, frozen=True, kw_only=True):
    """One mail to one person about one request. It is worded when it is sent, from the request as it stands then.

    `event` is the detail type of the event that it is for. `rights`: the subjects whose right to vote it appeals to, the person's own or
    that of somebody who delegated to them; empty for whoever entered the device. Later versions read what earlier ones wrote.
    """

    event: str
    approval_id: str
    to: str
    rights: tuple[str, ...] = ()


def read(body: str) -> Event | Letter:
    """Raises `BadInput`."""
    found = stored.read(body)
    if isinstance(found, dict) and "detail-type" in found:
        return events.read(body)
    return stored.read(body, Letter)
