"""The order in which the fleet is compared, and where a walk stopped: one page after the other, as long as a run has time.

*Arrivals* looks at the certificates that AWS IoT has registered since the last round, newest first, and checks whether earlier findings
are over. *Tables* compares our own tables with Step Functions, every quarter of an hour; its walk *failures* finds nothing, but seals
failures that had no event. *Fleet* asks AWS IoT; its time grows with the fleet. A finding that a walk no longer finds is over when the
walk has ended.
"""

import zlib
from datetime import datetime, timedelta
from typing import Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from workflows.admission.limits import Reconciling
from workflows.moments import Moment
from workflows.reconciliation.findings import GRACE, Kind

Round = Literal["arrivals", "tables", "fleet"]
ROUNDS: tuple[Round, ...] = get_args(Round)

Walk = Literal[
    "registered", "unanswered", "open", "failures", "decisions", "returns", "certificates", "bindings", "things"
]
WALKS: dict[Round, tuple[Walk, ...]] = {
    "arrivals": ("registered", "unanswered"),
    "tables": ("open", "failures", "decisions", "returns"),
    "fleet": ("certificates", "bindings", "things"),
}
FINDS: dict[Walk, tuple[Kind, ...]] = {
    "registered": (),  # it sees only the newest, so an earlier finding may still be true
    "unanswered": (),
    "open": ("open_without_execution",),
    "failures": (),
    "decisions": ("decision_not_carried_out",),
    "returns": ("not_returned",),
    "certificates": ("pending_without_admission", "active_without_decision", "active_without_policy"),
    "bindings": ("bound_without_certificate",),
    "things": ("orphan_thing",),
}
ROTATED: tuple[Kind, ...] = ("active_without_policy", "bound_without_certificate")
"""Findings that cost a call for each device, so each round may look at some of the devices only (`is_selected`)."""

ARRIVALS_EVERY = timedelta(minutes=4)
"""Less than the schedule's five minutes, so that a run that starts a second early is not skipped."""
TABLES_EVERY = timedelta(minutes=15)
FIRST_LOOK = timedelta(hours=1)
"""How far back the first round of *arrivals* looks; the round *fleet* sees older certificates."""


class Cursor(Struct, frozen=True, kw_only=True):
    """Where a round stands. `page` is the walk's own token of the next page; `walk` None: the round is over.

    `number` counts the rounds. `since`: an earlier round has judged everything registered before this time.
    """

    round: Round
    round_began: Moment
    walk: Walk | None = None
    walk_began: Moment
    page: str | None = None
    number: int = 0
    since: Moment | None = None


def every(name: Round, limits: Reconciling) -> timedelta:
    """How long after a round began the next one is due."""
    fleet = timedelta(hours=limits.fleet_every_hours)
    return {"arrivals": ARRIVALS_EVERY, "tables": TABLES_EVERY, "fleet": fleet}[name]


def begin(name: Round, at: datetime, last: Cursor | None = None) -> Cursor:
    """A new round, after `last`. The last round left everything younger than `GRACE` to this one."""
    since = at - FIRST_LOOK if last is None else last.round_began - GRACE
    number = 0 if last is None else last.number + 1
    return Cursor(round=name, round_began=at, walk=WALKS[name][0], walk_began=at, number=number, since=since)


def is_selected(subject: str, number: int, one_in: int) -> bool:
    """Whether the round of this number asks for `subject`: each is asked for in one of `one_in` rounds."""
    return zlib.crc32(subject.encode()) % one_in == number % one_in


def due(cursor: Cursor | None, name: Round, at: datetime, every: timedelta) -> Cursor | None:
    """What to walk at `at`: the current round, a new one, or None if none is due."""
    if cursor is None or (cursor.walk is None and at - cursor.round_began >= every):
        return begin(name, at, cursor)
    return None if cursor.walk is None else cursor


def after(cursor: Cursor, page: str | None, at: datetime) -> Cursor:
    """The cursor after a page. `page` is the next one of this walk; None: go on with the next walk, or end the round."""
    if page is not None:
        return replace(cursor, page=page)
    walks: tuple[Walk | None, ...] = (*WALKS[cursor.round], None)
    return replace(cursor, walk=walks[walks.index(cursor.walk) + 1], walk_began=at, page=None)
