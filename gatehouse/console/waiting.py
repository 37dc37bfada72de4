"""Requests that wait for people, and decisions that are not carried out. The page computes the ages."""

from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from gatehouse.stack import tables
from gatehouse.stack.target import Target
from workflows.approval.request import Request

_MOST = 200


class Waiting(Struct, frozen=True, kw_only=True):
    """`pending` are the open requests, oldest first. `owed` are decisions that the execution has not got yet, or can never get
    (`resume_state` LOST).
    """

    pending: tuple[Request, ...]
    owed: tuple[Request, ...]
    complete: bool


def read(target: Target) -> Waiting:
    """Read the approvals table."""
    pending = _query(target, "by_status", "status", "PENDING")
    owed = [request for state in ("LOST", "OWED") for request in _query(target, "by_owed", "owed", state)]
    return Waiting(
        pending=tuple(pending[:_MOST]),
        owed=tuple(owed[:_MOST]),
        complete=len(pending) <= _MOST and len(owed) <= _MOST,
    )


def of_certificate(target: Target, certificate_id: str) -> tuple[Request, ...]:
    """The requests about one certificate, newest first."""
    return tuple(_query(target, "by_certificate", "certificate_id", certificate_id, newest_first=True))


def to_page(request: Request) -> dict[str, Any]:
    """A request without the fields that only the backend needs."""
    shown = msgspec.to_builtins(request)
    for secret in ("token_sha256", "snapshot_sha256", "generation", "version"):
        shown.pop(secret)
    return dict(shown)


def _query(target: Target, index: str, attribute: str, value: str, *, newest_first: bool = False) -> list[Request]:
    dynamodb, table = target.client("dynamodb"), target.output("ApprovalsTable")
    items = tables.of_index(dynamodb, table, index, attribute, value, newest_first=newest_first)
    return [msgspec.convert(item, Request) for item in islice(items, _MOST + 1)]
