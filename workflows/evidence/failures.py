"""What verification found."""

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

    `records` and `manifests` are signed each; `trail_entries` are those whose hash is in a manifest. Apart from them:
    `not_yet_listed` are records that are signed and in no manifest yet, so that nobody vouches for those beside them; `unsigned` are
    trail entries in no manifest yet: nobody has signed them. `part` is what was asked for, in words. The manifests vouch for
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
