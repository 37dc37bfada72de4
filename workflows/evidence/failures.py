"""The result of a verification."""

from datetime import date

from msgspec import Struct

from workflows.moments import Moment


class Failure(Struct, frozen=True, kw_only=True, order=True):
    """One file, one rule, one sentence."""

    key: str
    rule: str
    message: str


class Report(Struct, frozen=True, kw_only=True):
    """What was verified, and all that failed.

    Each of `records` and `manifests` is signed; `trail_entries` are those whose hash is in a manifest. In addition:
    `not_yet_listed` are records that are signed and in no manifest yet, so a missing one beside them would not be noticed; `unsigned` are
    trail entries in no manifest yet: nobody has signed them. `part` describes what was asked for. The manifests cover
    `first_day` to `last_day`; the last was sealed at `last_sealed_at`.
    """

    records: int
    votes: int
    manifests: int
    trail_entries: int
    not_yet_listed: int
    unsigned: int
    partial: bool
    part: str
    first_day: date | None
    last_day: date | None
    last_sealed_at: Moment | None
    failures: tuple[Failure, ...]
