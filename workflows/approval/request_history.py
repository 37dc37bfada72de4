"""The history of one request: events are added, never changed (21 CFR 11.10(e); IEC 62443-4-2 CR 2.8)."""

from typing import Literal

from msgspec import Struct

from workflows.moments import Moment

EventType = Literal[
    "opened", "asked_again", "announced", "told", "voted", "vote_refused", "expired", "resumed", "not_carried_out"
]


class AuditEvent(Struct, frozen=True, kw_only=True):
    """One event, with what CR 2.8 requires: time, source, category, type, result; and by 11.10(e) the values before and after.

    `actor` is the subject of the person who acted, or None if a function acted by itself. The table adds an id to each event.
    """

    at: Moment
    source: str
    type: EventType
    actor: str | None = None
    result: Literal["success", "refused"] = "success"
    summary: str
    old: dict[str, str] = {}
    new: dict[str, str] = {}
    category: Literal["approval"] = "approval"
