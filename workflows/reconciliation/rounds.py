"""The order in which the fleet is walked, and where a walk was left: pages, one after the other, for as long as a run has time.

*Arrivals* looks at what AWS IoT has registered since the last look, newest first, and whether what was found before is over.
*Tables* is what our own tables and Step Functions tell, walked again after a quarter of an hour; *failures* in it finds nothing, and has
sealed what no event told. *Fleet* asks AWS IoT and takes as long as
the fleet is large. What a walk finds no more is over once the walk has come to its end.
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
    "registered": (),  # it sees only the newest, so what it does not find again may still be
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
"""What takes a call for each device, and may be looked for in turns (`in_turn`)."""

ARRIVALS_EVERY = timedelta(minutes=4)
"""Less than the five minutes of the schedule, so that one that comes a second early is none too early."""
TABLES_EVERY = timedelta(minutes=15)
FIRST_LOOK = timedelta(hours=1)
"""How far back the first round of *arrivals* looks; the round of *fleet* sees the rest."""


class Cursor(Struct, frozen=True, kw_only=True):
    """Where a round stands. `page` is the walk's own word for the page to come; `walk` None: the round is over.

    `number` counts the rounds. `since`: whatever was registered before that an earlier round has judged.
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
    """A new round, after `last`. What was younger than `GRACE` then was left to this one."""
    since = at - FIRST_LOOK if last is None else last.round_began - GRACE
    number = 0 if last is None else last.number + 1
    return Cursor(round=name, round_began=at, walk=WALKS[name][0], walk_began=at, number=number, since=since)


def in_turn(subject: str, number: int, one_in: int) -> bool:
    """Whether the round of this number asks for `subject`: each is asked for in one of `one_in` rounds."""
    return zlib.crc32(subject.encode()) % one_in == number % one_in


def due(cursor: Cursor | None, name: Round, at: datetime, every: timedelta) -> Cursor | None:
    """What is to be walked at `at`: the round that is under way, a new one, or nothing yet."""
    if cursor is None or (cursor.walk is None and at - cursor.round_began >= every):
        return begin(name, at, cursor)
    return None if cursor.walk is None else cursor


def after(cursor: Cursor, page: str | None, at: datetime) -> Cursor:
    """`page` is the next one of this walk; None: the next walk, or the round's end."""
    if page is not None:
        return replace(cursor, page=page)
    walks: tuple[Walk | None, ...] = (*WALKS[cursor.round], None)
    return replace(cursor, walk=walks[walks.index(cursor.walk) + 1], walk_began=at, page=None)
