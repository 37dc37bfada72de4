"""A right to vote that is given to another person until a date. Its holder keeps it: the first vote of the two people uses it up."""

import hashlib
from datetime import datetime

from msgspec import Struct

from workflows.approval.identity import is_among
from workflows.approval.signature import OnBehalfOf
from workflows.moments import Moment


class Delegation(Struct, frozen=True, kw_only=True):
    """`delegator` (a subject) was in `group`, by their verified token, when they made this; `delegate` is the name they wrote.

    `delegator_known_as` holds every name under which the delegator may have entered a device. Times are aware, UTC, whole milliseconds.
    """

    delegation_id: str
    group: str
    delegator: str
    delegator_name: str
    delegator_known_as: tuple[str, ...] = ()
    delegate: str
    reason: str
    created_at: Moment
    until: Moment
    ended_at: Moment | None = None
    ended_by: str | None = None
    ended_because: str = ""

    def stands(self, at: datetime) -> bool:
        return self.ended_at is None and self.created_at <= at < self.until

    def given_to(self, names: tuple[str, ...]) -> bool:
        """Whether a person with these verified names is the delegate."""
        return is_among(self.delegate, names)

    def block(self) -> OnBehalfOf:
        """The delegation as a signature contains it."""
        return OnBehalfOf(
            delegation_id=self.delegation_id,
            subject=self.delegator,
            name=self.delegator_name,
            group=self.group,
            until=self.until,
        )


def delegation_id(*parts: str) -> str:
    """32 hex digits. The same act has the same id when it is repeated."""
    return hashlib.sha256("\n".join(("delegation", *parts)).encode()).hexdigest()[:32]
