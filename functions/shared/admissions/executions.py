"""What an execution writes: the claim, what it learned of the certificate, and the end.

Every write except the claim requires that this execution still owns the admission, so that an execution that lost it changes nothing. It
also loses the admission when a sweep closes it: an execution that is redriven after that has nothing left to do.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec

from functions.shared import clock, conditional
from functions.shared.admissions.rows import ADMISSION, NEVER, OPEN, RETURN, Admission
from functions.shared.aws import client, translated
from functions.shared.conditional import ConditionFailed
from functions.shared.timestamps import stamp
from workflows.admission.contracts import Execution, Outcome
from workflows.admission.errors import AdmissionNotOwned
from workflows.dynamodb_items import from_item
from workflows.hashes import beginning

LONGEST_TEXT = 1000
"""At most this many bytes of a text are stored; the sealed record has all of it. So a row stays below 8 KB; above that, AWS IoT may drop
what a rule's get_dynamodb reads (https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-dynamodb)."""

_SKEW = timedelta(minutes=5)
"""How much AWS IoT's clock may differ from ours."""

_FORGOTTEN = "turn_at, reason, closed_at, fault, inspected_at, revoked_by, revoking_since, revoked_at, closed_by, returned_at, trial"
"""Attributes of a certificate's earlier admission that a new one removes. The link to its evidence stays: the next record is
chained to it. `attempts` is never removed: the names of executions are made from it (`workflows.admission.starting`)."""


_OURS = "execution_arn = :me AND attribute_not_exists(closed_by)"


class Admissions:
    """`at` is the time of the caller's clock."""

    def __init__(self, table: str) -> None:
        self.table = table

    def find(self, certificate_id: str) -> Admission | None:
        """Returns the current row; None if this certificate never knocked."""
        with translated():
            answer = client("dynamodb").get_item(
                TableName=self.table, Key={"certificate_id": {"S": certificate_id}}, ConsistentRead=True
            )
        return from_item(answer["Item"], Admission) if "Item" in answer else None

    def claim(
        self, certificate_id: str, ca_certificate_id: str, execution: Execution, at: datetime
    ) -> tuple[bool, Admission]:
        """Claim the certificate for `execution` unless another execution has it. Returns whether it is ours, and the row.

        A repeat by the same execution finds its own claim, with the turn that it got.
        """
        try:
            return True, self._update(
                certificate_id,
                "SET ca_certificate_id = :ca, execution_arn = :me, execution_name = :name, claimed_at = :at, last_seen = :at, "
                f"id_prefix = :prefix, outcome = :open, reopen_at = :never ADD knocks :one, attempts :one REMOVE {_FORGOTTEN}",
                condition="attribute_not_exists(certificate_id) OR reopen_at <= :now",
                ca=ca_certificate_id,
                me=execution.arn,
                name=execution.name,
                at=at,
                open=OPEN,
                never=NEVER,
                prefix=beginning(certificate_id),
                one=1,
                now=clock.milliseconds(at),
            )
        except ConditionFailed as failed:
            if _is_ours(failed.item, execution):
                return True, self.retain(certificate_id, execution)
        return False, self._count_knock(certificate_id, at)

    def give_turn(self, certificate_id: str, execution: Execution, turn_at: datetime) -> datetime:
        """Store the turn. The first one stays: a repeat that took another turn returns the first."""
        row = self._owned(certificate_id, execution, "SET turn_at = if_not_exists(turn_at, :turn)", turn=turn_at)
        return row.turn_at or turn_at

    def lose_turn(self, certificate_id: str, execution: Execution) -> None:
        """Remove the turn, so that the claim takes another. Raises `AdmissionNotOwned`."""
        self._owned(certificate_id, execution, "REMOVE turn_at")

    def retain(self, certificate_id: str, execution: Execution) -> Admission:
        """Check, before a step that changes anything, that the admission is still ours. Reopens it if it failed and was redriven.

        Raises `AdmissionNotOwned`.
        """
        return self._owned(certificate_id, execution, "SET outcome = :open, reopen_at = :never", open=OPEN, never=NEVER)

    def note(self, certificate_id: str, execution: Execution, **learned: object) -> Admission:
        """Store what was learned about the certificate in the admission's row; None values are left out. Raises `AdmissionNotOwned`."""
        known = {name: _kept(value) for name, value in learned.items() if value is not None}
        return self._owned(
            certificate_id, execution, "SET " + ", ".join(f"{name} = :{name}" for name in known), **known
        )

    def close(
        self,
        certificate_id: str,
        execution: Execution,
        *,
        outcome: Outcome,
        reason: str,
        at: datetime,
        reopen_at: datetime | None,
        trial: bool = False,
        **sealed: object,
    ) -> Admission:
        """Close the admission. A knock after `reopen_at` starts a new one; with None, no knock does. Nobody waits for a `trial`'s device.

        Raises `AdmissionNotOwned`.
        """
        learned = {"outcome": outcome, "reason": reason, "closed_at": at, "reopen_at": _reopening(reopen_at), **sealed}
        known = {name: _kept(value) for name, value in learned.items() if value is not None}
        update, waiting = "SET " + ", ".join(f"{name} = :{name}" for name in known), {}
        if outcome == "held" and not trial:  # the time of the first hold stays, even if the device knocks again
            update += ", awaited = :awaited, awaited_since = if_not_exists(awaited_since, :since)"
            waiting = {"awaited": ADMISSION, "since": stamp(at)}
        elif outcome != "admitted":
            update += " REMOVE awaited, awaited_since"
        return self._owned(certificate_id, execution, update, **known, **waiting)

    def await_return(self, certificate_id: str, execution: Execution, at: datetime) -> Admission:
        """The same as `retain`, just before the device may connect: from now on its return is expected. Raises `AdmissionNotOwned`.

        It is not done when the admission is closed, since the device may connect before the seal. If it is back, a repeat changes nothing.
        """
        try:
            return self._update(
                certificate_id,
                "SET outcome = :open, reopen_at = :never, awaited = :return, awaited_since = :since",
                condition=f"{_OURS} AND attribute_not_exists(returned_at)",
                me=execution.arn,
                open=OPEN,
                never=NEVER,
                **{"return": RETURN},
                since=stamp(at),
            )
        except ConditionFailed as failed:
            if not _is_ours(failed.item, execution):
                raise _not_owned(certificate_id, execution, failed) from None
            return self.retain(certificate_id, execution)

    def record_return(self, certificate_id: str, at: datetime) -> bool:
        """Note that the device has connected at `at`. Returns False if nobody waits for it (any more), or the event is older."""
        try:
            self._update(
                certificate_id,
                "SET returned_at = :at REMOVE awaited, awaited_since",
                condition="awaited = :return AND awaited_since <= :latest",
                at=at,
                **{"return": RETURN},
                latest=stamp(at + _SKEW),
            )
        except ConditionFailed:
            return False
        return True

    def fail(
        self, certificate_id: str, execution_arn: str, *, fault: str, at: datetime, reopen_at: datetime | None
    ) -> Admission | None:
        """Mark an admission as failed if its execution ended without closing it. Returns None if it is closed, or has another execution."""
        try:
            return self._update(
                certificate_id,
                "SET outcome = :failed, reason = :fault, fault = :fault, closed_at = :at, reopen_at = :reopen",
                condition="execution_arn = :me AND outcome = :open",
                me=execution_arn,
                open=OPEN,
                failed="failed",
                fault=_kept(fault),
                at=at,
                reopen=_reopening(reopen_at),
            )
        except ConditionFailed:
            return None

    def mark_trial(self, certificate_id: str) -> None:
        """Note that the certificate was a trial's: nobody waits for its device. An execution that still runs seals it as a trial's."""
        with suppress(ConditionFailed):
            self._update(
                certificate_id,
                "SET trial = :trial REMOVE awaited, awaited_since",
                condition="attribute_exists(certificate_id)",
                trial=True,
            )

    def _count_knock(self, certificate_id: str, at: datetime) -> Admission:
        return self._update(
            certificate_id,
            "SET last_seen = :at ADD knocks :one",
            condition="attribute_exists(certificate_id)",
            at=at,
            one=1,
        )

    def _owned(self, certificate_id: str, execution: Execution, update: str, **named: object) -> Admission:
        try:
            return self._update(certificate_id, update, condition=_OURS, me=execution.arn, **named)
        except ConditionFailed as failed:
            raise _not_owned(certificate_id, execution, failed) from None

    def _update(self, certificate_id: str, expression: str, *, condition: str, **given: object) -> Admission:
        key = {"certificate_id": certificate_id}
        return msgspec.convert(
            conditional.update(self.table, key, expression, condition=condition, given=given), Admission
        )


def _kept(value: object) -> object:
    if not isinstance(value, str) or len(data := value.encode()) <= LONGEST_TEXT:
        return value
    return data[: LONGEST_TEXT - 3].decode(errors="ignore") + "…"


def _reopening(moment: datetime | None) -> int:
    return NEVER if moment is None else clock.milliseconds(moment)


def _is_ours(item: dict[str, Any] | None, execution: Execution) -> bool:
    return item is not None and item.get("execution_arn") == execution.arn and "closed_by" not in item


def _not_owned(certificate_id: str, execution: Execution, failed: ConditionFailed) -> AdmissionNotOwned:
    item = failed.item or {"execution_arn": "nobody"}
    owner = "nobody, since it was revoked and closed" if "closed_by" in item else item.get("execution_arn")
    return AdmissionNotOwned(
        f"The admission of certificate {certificate_id} belongs to {owner}, not to {execution.arn}: nothing was changed."
    )
