"""The audit trail, as operators' commands write it: what cannot be recorded does not happen (IEC 62443-4-2 CR 2.10)."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gatehouse.stack import objects
from gatehouse.stack.target import Target
from workflows.canonical import canonical
from workflows.errors import BadInput
from workflows.evidence import audit_trail
from workflows.evidence.errors import TrailUnavailable

SOURCE = "gatehouse"
LONGEST_REASON = 500  # characters


def require_reason(reason: str) -> str:
    """An operator's reason without the space around it. Raises `BadInput` for none, or one that is too long to keep."""
    why = reason.strip()
    if not why or len(why) > LONGEST_REASON:
        raise BadInput(
            f"Got a reason of {len(why)} characters; expected 1 to {LONGEST_REASON}: it is kept in the audit trail."
        )
    return why


@dataclass
class Act:
    """What the entry of the result will say beside the result: set `old`, `new` and `reason` as they become known.

    `id` is what both entries are found by.
    """

    old: dict[str, Any] = field(default_factory=dict)
    new: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(16))


@contextmanager
def recorded(
    target: Target,
    category: audit_trail.Category,
    act_type: str,
    subject: str,
    *,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    reason: str = "",
) -> Iterator[Act]:
    """Record an act of an operator: ``begun`` before the body runs, ``succeeded`` or ``failed`` after it.

    >>> with recorded(target, "authority", "disable", "CN=Works CA", old={"status": "ACTIVE"}, new={"status": "INACTIVE"}):
    ...     disable()

    `old`, `new` and the operator's `reason` are what is known beforehand. Raises `TrailUnavailable`: before the body if that
    entry cannot be written, so that nothing happens; after it if the result cannot, so that somebody looks.
    """
    writer = _Writer(target, category, act_type, subject)
    act = Act(reason=reason)
    writer.write("begun", Act(old=old or {}, new=new or {}, reason=reason, id=act.id))
    try:
        yield act
    except BaseException as error:
        act.reason = f"{type(error).__name__}: {error}"[:500]
        writer.write("failed", act)
        raise
    writer.write("succeeded", act)


class _Writer:
    def __init__(self, target: Target, category: audit_trail.Category, act_type: str, subject: str) -> None:
        self._target = target
        self._category = category
        self._type = act_type
        self._subject = subject

    def write(self, result: audit_trail.Result, act: Act) -> None:
        try:
            made = audit_trail.entry(
                at=datetime.now(UTC),
                source=SOURCE,
                actor=self._target.client("sts").get_caller_identity()["Arn"],
                category=self._category,
                type=self._type,
                id=act.id,
                subject=self._subject,
                result=result,
                reason=act.reason,
                old=act.old,
                new=act.new,
            )
            objects.replace(
                self._target, "EvidenceBucket", made.key, canonical(made), content_type="application/json", etag=None
            )
        except (BotoCoreError, ClientError, objects.ChangedMeanwhile) as error:
            so = "nothing was done" if result == "begun" else f"it {result}, and somebody must look"
            raise TrailUnavailable(
                f"The audit trail cannot be written: {error}. {self._type} of {self._subject}: {so}."
            ) from error
