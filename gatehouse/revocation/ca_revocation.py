"""Revoking a CA: an order that the stack's sweep carries out, certificate by certificate; and what that would take."""

import math
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from gatehouse.errors import AnsweredNo
from gatehouse.evidence.audit_trail import recorded, require_reason
from gatehouse.revocation import authorities, orders
from gatehouse.revocation.authorities import Authority
from gatehouse.stack import configuration, tables
from gatehouse.stack.target import Target
from workflows.evidence.record import revoked_key
from workflows.revocation import sweep
from workflows.revocation.ca_revocation import PAGE, TAKEN, AuthorityRevocation, Order
from workflows.revocation.sweep import AuthorityItem


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What revoking a CA would take now. Times are in seconds, at ``calls_per_second`` of ``config/limits.toml``."""

    authority: Authority
    certificates: dict[str, int]
    """How many certificates AWS IoT has of the CA, by their status."""
    revokes: int
    admissions: dict[str, int]
    """How many of those have an admission, by its outcome. What is ``open`` is sealed once it is over, and takes a second call."""
    unfinished: int
    """REVOKED by the order that is owed, and not sealed yet."""
    seconds_alone: float
    seconds_contended: float
    """While people's decisions and knocking devices want their shares as well."""
    iot_calls: dict[str, int]
    same_key: list[str]
    """Other CA certificates with the same key: whoever has that key signs for them too."""
    ordered: AuthorityRevocation | None
    """The order that is owed already: revoking goes on with it."""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """`resumed`: somebody had ordered it already, and that goes on, with the first order's reason."""

    authority: Authority
    revocation: AuthorityRevocation
    execution: str
    resumed: bool


def plan(target: Target, found: Authority) -> Plan:
    """Reads only. Raises `OrderInvalid`, `Unreachable`."""
    status = dict(_certificates(target, found.ca_certificate_id))
    rows = _rows(target, list(status))
    going = [one for one in status if status[one] in TAKEN]
    owed = orders.owed(target, found.ca_certificate_id)
    pacing = configuration.limits().pacing
    alone, contended = sweep.takes(len(going), pacing)
    return Plan(
        authority=found,
        certificates=dict(Counter(status.values())),
        revokes=len(going),
        admissions=dict(Counter(rows[one]["outcome"] for one in going if one in rows)),
        unfinished=sum(_is_unfinished(row, owed) for one, row in rows.items() if status[one] == "REVOKED" and owed),
        seconds_alone=alone.total_seconds(),
        seconds_contended=contended.total_seconds(),
        iot_calls={"UpdateCertificate": len(going), "ListCertificatesByCA": max(1, math.ceil(len(status) / PAGE))},
        same_key=[
            other.ca_certificate_id
            for other in authorities.list_all(target)
            if other.issuer_key == found.issuer_key and other.ca_certificate_id != found.ca_certificate_id
        ],
        ordered=owed,
    )


def revoke(target: Target, found: Authority, reason: str) -> Started:
    """Order that the CA be revoked, disable it and its automatic registration, and start the sweep. Safe to repeat: it goes on.

    Raises `BadInput`, `OrderInvalid`, `AnsweredNo` if somebody else gives an order at the same moment, `TrailUnavailable`.
    """
    why = require_reason(reason)
    asked = {"issuer_key": found.issuer_key, "subject": found.subject}
    with recorded(target, "authority", "revoke", found.ca_certificate_id, new=asked, reason=why) as act:
        revocation, resumed = _order(target, found, why, act.id)
        # After the order: whoever enables the CA at the same moment finds the order, or is undone here.
        found = authorities.show(target, found.ca_certificate_id)
        if found.status != "INACTIVE" or found.auto_registration:
            found = authorities.switch(target, found, on=False, registration_only=False, reason=why)
        execution = _start(target, revocation)
        act.new = {"order": revocation.trail_id, "resumed": resumed, "execution": execution}
    return Started(authority=found, revocation=revocation, execution=execution, resumed=resumed)


def enable(
    target: Target, found: Authority, known: AuthorityRevocation | None, *, registration_only: bool, reason: str
) -> Authority:
    """Enable a CA and its automatic registration. `known`, the order to revoke it that whoever agreed was told of, is owed no more, so
    that the sweep does not come back for new devices; what is REVOKED stays so.

    Another order, given meanwhile, stands: then the CA is disabled again. Raises `AnsweredNo` then, `OrderInvalid`, `BadInput`,
    `TrailUnavailable`.
    """
    now = authorities.switch(target, found, on=True, registration_only=registration_only, reason=reason)
    try:
        end(target, found.ca_certificate_id, known)
    except AnsweredNo:
        authorities.switch(
            target, now, on=False, registration_only=False, reason="It is ordered meanwhile that it be revoked"
        )
        raise
    return now


def end(target: Target, ca_certificate_id: str, known: AuthorityRevocation | None) -> None:
    """The order `known` is owed no more. Raises `OrderInvalid`, and `AnsweredNo` if it is another by now."""
    order, etag = orders.read(target, ca_certificate_id)
    if order is None or order.ended_at is not None:
        return
    if order.revocation != known:
        raise AnsweredNo(
            f"{order.revocation.by} has ordered meanwhile that this CA be revoked: {order.revocation.reason}. It stays disabled."
        )
    orders.write(target, msgspec.structs.replace(order, ended_at=datetime.now(UTC)), etag)


def _order(target: Target, found: Authority, reason: str, trail_id: str) -> tuple[AuthorityRevocation, bool]:
    """The order that is owed, and whether it was there before."""
    there, etag = orders.read(target, found.ca_certificate_id)
    if there is not None and there.ended_at is None:
        return there.revocation, True
    made = AuthorityRevocation(
        ca_certificate_id=found.ca_certificate_id,
        subject=found.subject,
        issuer_key=found.issuer_key,
        by=target.client("sts").get_caller_identity()["Arn"],
        reason=reason,
        at=datetime.now(UTC),
        trail_id=trail_id,
    )
    orders.write(target, Order(revocation=made), etag)
    return made, False


def _start(target: Target, revocation: AuthorityRevocation) -> str:
    """One sweep of it at a time: what runs already is answered."""
    sfn, machine = target.client("stepfunctions"), target.output("SweepMachineArn")
    pages = sfn.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
    for one in (one for page in pages for one in page["executions"]):
        if one["name"].startswith(revocation.executions):
            return str(one["executionArn"])
    asked = {"issuer_key": revocation.issuer_key, "authority": revocation.ca_certificate_id}
    answer = sfn.start_execution(
        stateMachineArn=machine,
        name=f"{revocation.executions}{datetime.now(UTC):%Y%m%dT%H%M%S}",
        input=msgspec.json.encode(asked).decode(),
    )
    return str(answer["executionArn"])


def _certificates(target: Target, ca_certificate_id: str) -> Iterator[tuple[str, str]]:
    pages = (
        target.client("iot")
        .get_paginator("list_certificates_by_ca")
        .paginate(caCertificateId=ca_certificate_id, PaginationConfig={"PageSize": PAGE})
    )
    return ((one["certificateId"], one["status"]) for page in pages for one in page["certificates"])


def _rows(target: Target, certificate_ids: list[str]) -> dict[str, dict[str, Any]]:
    dynamodb, table = target.client("dynamodb"), target.output("AdmissionsTable")
    return {
        row["certificate_id"]: row
        for batch in tables.batches(certificate_ids, tables.READ_BATCH)
        for row in tables.read_batch(dynamodb, table, [{"certificate_id": one} for one in batch])
    }


def _is_unfinished(row: dict[str, Any], owed: AuthorityRevocation) -> bool:
    key = revoked_key(AuthorityItem(certificate_id=row["certificate_id"], authority=owed))
    return row.get("revoked_by") == owed.mark and not (row["outcome"] == "refused" and row.get("evidence_key") == key)
