"""The approvals table: requests, their votes, evidence and history, and the encrypted task token.

Items of one `approval_id`, by `item`: ``request`` (all data for the decision), ``snapshot#<sha256>`` (the evidence that was shown),
``callback`` (the task token, encrypted), ``vote#<subject>`` (one for each person, so that nobody votes twice), ``event#<time>#<n>`` (the
history, see `request_history`), ``refusals``, ``refusals#<subject>`` (the number of stored refused votes), ``mention#<name>`` (by which a
search for a person finds it).
A change and its event in the history are one transaction: without its audit event, no change is made (IEC 62443-4-2 CR 2.10).
"""

import random
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

from functions.shared import clock, conditional, request_history
from functions.shared.approval_index import DUE, mention, name_in_index
from functions.shared.aws import client, translated
from functions.shared.delegations import standing_check
from functions.shared.timestamps import stamp
from workflows import stored
from workflows.approval.errors import ApprovalUnknown
from workflows.approval.notices import due
from workflows.approval.request import Request, Step, entered_under
from workflows.approval.request_history import AuditEvent
from workflows.approval.signature import SignedVote
from workflows.dynamodb_items import from_item, to_item, to_plain, values
from workflows.errors import AwsUnavailable

TRIES = 8
_TIMES = (
    "requested_at",
    "decide_by",
    "decided_at",
    "execute_by",
    "announced_at",
    "reminded_at",
    "escalated_at",
)


class Approvals:
    """Reads are strong: no decision depends on an index. `delegations_table` is needed to store votes."""

    def __init__(self, table: str, delegations_table: str = "") -> None:
        self.table = table
        self._delegations_table = delegations_table

    def find(self, approval_id: str) -> Request | None:
        """Returns the current request; None if there is none."""
        item = self._get(approval_id, "request")
        return from_item(item, Request) if item else None

    def get(self, approval_id: str) -> Request:
        """Returns the current request. Raises `ApprovalUnknown`."""
        request = self.find(approval_id)
        if request is None:
            raise ApprovalUnknown(f"There is no request for approval {approval_id}.")
        return request

    def snapshot(self, request: Request) -> Any:
        """Returns the evidence that the request shows, as plain JSON."""
        return self.evidence(request.approval_id, request.snapshot_sha256)

    def evidence(self, approval_id: str, sha256: str) -> Any:
        """Returns the evidence with this hash, as plain JSON; None if the request never showed it."""
        item = self._get(approval_id, f"snapshot#{sha256}")
        return stored.read(to_plain(item)["evidence"]) if item else None

    def callback(self, approval_id: str) -> tuple[bytes, int]:
        """Returns the encrypted task token and its generation. Raises `ApprovalUnknown`."""
        item = self._get(approval_id, "callback")
        if not item:
            raise ApprovalUnknown(f"Request {approval_id} has no task token.")
        return item["token"]["B"], int(item["generation"]["N"])

    def open(self, request: Request, event: AuditEvent, *, snapshot: str, token: bytes) -> bool:
        """Store a new request. Returns False and writes nothing if it exists already, or another call is writing it."""
        put = self._put(request.approval_id, "request", _request_item(request), new=True)
        history_entry = request_history.put(self.table, request.approval_id, event, request.version)
        mentions = self._mentions(request, entered_under(request))
        return conditional.transact([put, *self._secrets(request, snapshot, token), history_entry, *mentions])

    def commit(self, step: Step, *, snapshot: str | None = None, token: bytes | None = None) -> bool:
        """Store one step. Returns False and writes nothing if the request has changed since the step was worked out.

        Checks on `step.before` stay valid until here, since every change raises the version. Two checks are made again at this moment.
        Time: a vote counts only before `decide_by`, an expiry only from then on. Delegations: a vote on behalf of somebody counts only
        if the delegation is valid now.
        """
        before, after = step.before, step.after
        items = [self._update(step), request_history.put(self.table, before.approval_id, step.event, after.version)]
        items += self._mentions(after, step.names)
        if step.vote is not None:
            items.append(self._vote(before.approval_id, step.vote))
            if step.vote.on_behalf_of is not None:
                items.append(standing_check(self._delegations_table, step.vote.on_behalf_of))
        if token is not None and snapshot is not None:
            items += self._secrets(after, snapshot, token)
        return conditional.transact(items)

    def change(
        self,
        approval_id: str,
        work_out: Callable[[Request], Step | None],
        *,
        snapshot: str | None = None,
        token: bytes | None = None,
    ) -> Request:
        """Read the request, work out a step, store it. Starts again if the request has changed. Returns the request afterwards.

        Raises `ApprovalUnknown`, and `AwsUnavailable` if the request changed `TRIES` times.
        """
        for attempt in range(TRIES):
            request = self.get(approval_id)
            step = work_out(request)
            if step is None:
                return request
            if self.commit(step, snapshot=snapshot, token=token):
                return step.after
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - spreads the calls that collided
        raise AwsUnavailable(f"Request {approval_id} was changed by others {TRIES} times in a row. Try again.")

    def record_refusal(self, approval_id: str, event: AuditEvent) -> bool:
        """Add a refused vote to the history; nothing else changes. Returns False once the limits are reached. Raises `AwsUnavailable`."""
        return request_history.record_refusal(self.table, approval_id, event)

    def _get(self, approval_id: str, item: str) -> dict[str, Any] | None:
        with translated():
            stored: dict[str, Any] | None = (
                client("dynamodb")
                .get_item(TableName=self.table, Key=_key(approval_id, item), ConsistentRead=True)
                .get("Item")
            )
        return stored

    def _update(self, step: Step) -> dict[str, Any]:
        """Only changed fields are set, so that a field that this version of the code does not know stays."""
        old, new = _plain(step.before), _plain(step.after)
        changed = [name for name in new if new[name] != old.get(name)]
        to_set = {name: new[name] for name in changed if new[name] is not None}
        gone = [name for name in changed if new[name] is None]
        conditions = ["#version = :expected", "#status = :was"]
        bound: dict[str, object] = {"expected": step.before.version, "was": step.before.status}
        if step.vote is not None:
            conditions += ["decide_by > :now", "basis_sha256 = :basis"]
            bound |= {"now": stamp(clock.now()), "basis": step.vote.basis_sha256}
        elif step.after.status == "EXPIRED" != step.before.status:
            conditions.append("decide_by <= :now")
            bound["now"] = stamp(clock.now())
        sets = ", ".join(f"#{name} = :{name}_" for name in to_set)
        removes = f" REMOVE {', '.join(f'#{name}' for name in gone)}" if gone else ""
        return {
            "Update": {
                "TableName": self.table,
                "Key": _key(step.before.approval_id, "request"),
                "UpdateExpression": f"SET {sets}{removes}",
                "ConditionExpression": " AND ".join(conditions),
                "ExpressionAttributeNames": {f"#{name}": name for name in {*changed, "version", "status"}},
                "ExpressionAttributeValues": values(**bound, **{f"{name}_": part for name, part in to_set.items()}),
            }
        }

    def _vote(self, approval_id: str, vote: SignedVote) -> dict[str, Any]:
        """One vote for each person; a second one only if the evidence has changed since."""
        put = self._put(approval_id, f"vote#{vote.subject}", to_item(vote))
        put["Put"]["ConditionExpression"] = "attribute_not_exists(approval_id) OR basis_sha256 <> :basis"
        put["Put"]["ExpressionAttributeValues"] = values(basis=vote.basis_sha256)
        return put

    def _mentions(self, request: Request, names: Iterable[str]) -> list[dict[str, Any]]:
        moment = stamp(request.requested_at)
        names_in_index = sorted({name_in_index(name) for name in names} - {""})
        return [
            self._put(request.approval_id, mention(name), to_item({"person": name, "requested_at": moment}))
            for name in names_in_index
        ]

    def _secrets(self, request: Request, snapshot: str, token: bytes) -> list[dict[str, Any]]:
        callback = {"token": {"B": token}, "generation": {"N": str(request.generation)}}
        return [
            self._put(request.approval_id, f"snapshot#{request.snapshot_sha256}", to_item({"evidence": snapshot})),
            self._put(request.approval_id, "callback", callback),
        ]

    def _put(self, approval_id: str, item: str, attributes: dict[str, Any], *, new: bool = False) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self.table, "Item": {**attributes, **_key(approval_id, item)}}
        if new:
            put["ConditionExpression"] = "attribute_not_exists(approval_id)"
        return {"Put": put}


def _key(approval_id: str, item: str) -> dict[str, Any]:
    return {"approval_id": {"S": approval_id}, "item": {"S": item}}


def _plain(request: Request) -> dict[str, Any]:
    """Returns the request's attributes. `owed` and `notice` are set only while work or a message is due: their indexes are sparse."""
    plain: dict[str, Any] = msgspec.to_builtins(request)
    for name in _TIMES:
        moment: datetime | None = getattr(request, name)
        plain[name] = None if moment is None else stamp(moment)
    plain["owed"] = request.resume_state if request.resume_state in {"OWED", "LOST"} else None
    following = due(request)
    plain["notice"], plain["notice_at"] = (DUE, stamp(following[1])) if following else (None, None)
    return plain


def _request_item(request: Request) -> dict[str, Any]:
    return to_item(_plain(request))
