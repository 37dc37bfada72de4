"""The order in which the fleet is walked, and where a walk was left: pages, one after the other, for as long as a run has time.

*Tables* is what our own tables and Step Functions tell, walked again after a quarter of an hour; *failures* in it finds nothing, and has
sealed what no event told. *Fleet* asks AWS IoT and takes as long as
the fleet is large. What a walk finds no more is over once the walk has come to its end.
"""

from datetime import datetime, timedelta
from typing import Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from workflows.reconciliation.findings import Kind

Round = Literal["tables", "fleet"]
ROUNDS: tuple[Round, ...] = get_args(Round)

Walk = Literal["open", "failures", "decisions", "returns", "certificates", "bindings", "things"]
WALKS: dict[Round, tuple[Walk, ...]] = {
    "tables": ("open", "failures", "decisions", "returns"),
    "fleet": ("certificates", "bindings", "things"),
}
FINDS: dict[Walk, tuple[Kind, ...]] = {
    "open": ("open_without_execution",),
    "failures": (),
    "decisions": ("decision_not_carried_out",),
    "returns": ("not_returned",),
    "certificates": ("active_without_decision", "active_without_policy"),
    "bindings": ("bound_without_certificate",),
    "things": ("orphan_thing",),
}
TABLES_EVERY = timedelta(minutes=15)


class Cursor(Struct, frozen=True, kw_only=True):
    """Where a round stands. `page` is the walk's own word for the page to come; `walk` None: the round is over."""

    round: Round
    round_began: datetime
    walk: Walk | None = None
    walk_began: datetime
    page: str | None = None


def begin(name: Round, at: datetime) -> Cursor:
    """A new round."""
    return Cursor(round=name, round_began=at, walk=WALKS[name][0], walk_began=at)


def due(cursor: Cursor | None, name: Round, at: datetime, every: timedelta) -> Cursor | None:
    """What is to be walked at `at`: the round that is under way, a new one, or nothing yet."""
    if cursor is None or (cursor.walk is None and at - cursor.round_began >= every):
        return begin(name, at)
    return None if cursor.walk is None else cursor


def after(cursor: Cursor, page: str | None, at: datetime) -> Cursor:
    """`page` is the next one of this walk; None: the next walk, or the round's end."""
    if page is not None:
        return replace(cursor, page=page)
    walks: tuple[Walk | None, ...] = (*WALKS[cursor.round], None)
    return replace(cursor, walk=walks[walks.index(cursor.walk) + 1], walk_began=at, page=None)
