"""The freshness of the revocation lists: for each CA its current lists, or why none counts."""

from datetime import datetime

from msgspec import Struct

from gatehouse.errors import NotFound
from gatehouse.revocation import authorities, orders
from gatehouse.revocation import lists as revocation_lists
from gatehouse.revocation.lists import Listed
from gatehouse.stack.target import Target
from workflows.errors import BadInput


class Freshness(Struct, frozen=True, kw_only=True):
    """One CA and its current lists, in the order in which they go stale.

    `problem` says why its devices are held now; None if a list counts.
    """

    ca_certificate_id: str
    subject: str
    status: str
    auto_registration: bool
    valid_until: datetime
    lists: tuple[Listed, ...]
    problem: str | None
    trial: bool
    revocation: str | None
    """A line that says by whom the CA is being revoked; None if it is not."""


def read(target: Target, at: datetime) -> tuple[Freshness, ...]:
    """The freshness of every registered CA."""
    revoked = orders.lines(target)
    return tuple(_of(target, ca, revoked.get(ca.ca_certificate_id), at) for ca in authorities.list_all(target))


def _of(target: Target, ca: authorities.RegisteredCa, revocation: str | None, at: datetime) -> Freshness:
    lists: list[Listed] = []
    problem: str | None = None
    try:
        lists = revocation_lists.status(target, ca.ca_certificate_id, at=at)
    except (NotFound, BadInput) as error:
        problem = str(error)
    else:
        if not lists:
            problem = "No list of this CA is published. All its devices are held."
        elif all(one.problem for one in lists):
            problem = f"No list counts: {lists[0].problem}."
    return Freshness(
        ca_certificate_id=ca.ca_certificate_id,
        subject=ca.subject,
        status=ca.status,
        auto_registration=ca.auto_registration,
        valid_until=ca.valid_until,
        lists=tuple(lists),
        problem=problem,
        trial=ca.trial,
        revocation=revocation,
    )
