"""Revokes a CA: writes an order that the stack's sweep carries out, certificate by certificate. Also computes what that takes."""

import math
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from gatehouse.errors import AnsweredNo
from gatehouse.evidence.audit_trail import recorded, require_reason
from gatehouse.revocation import authorities, orders
from gatehouse.revocation.authorities import RegisteredCa
from gatehouse.stack import configuration, tables
from gatehouse.stack.target import Target
from workflows.evidence.record import revoked_key
from workflows.revocation import sweep
from workflows.revocation.ca_revocation import PAGE, TAKEN, AuthorityRevocation, Order
from workflows.revocation.sweep import AuthorityItem


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the revocation of a CA would take now. Times are in seconds, at ``calls_per_second`` of ``config/limits.toml``."""

    ca: RegisteredCa
    certificates: dict[str, int]
    """The number of the CA's certificates in AWS IoT, by status."""
    revokes: int
    admissions: dict[str, int]
    """How many of those have an admission, by outcome. An ``open`` one is sealed when it has ended, and needs a second call."""
    unfinished: int
    """Certificates that the present order has set REVOKED and that are not sealed yet."""
    seconds_alone: float
    seconds_contended: float
    """The time if people's decisions and new devices use their shares of the quota too."""
    iot_calls: dict[str, int]
    same_key: list[str]
    """Other CA certificates with the same key, which can sign for them too."""
    ordered: AuthorityRevocation | None
    """The order that is already owed; `revoke` continues it."""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """`resumed`: an earlier order is continued, with its reason."""

    ca: RegisteredCa
    revocation: AuthorityRevocation
    execution: str
    resumed: bool


def plan(target: Target, ca: RegisteredCa) -> Plan:
    """What revoking the CA would take. Reads only. Raises `OrderInvalid`, `Unreachable`."""
    status = dict(_certificates(target, ca.ca_certificate_id))
    rows = _rows(target, list(status))
    going = [one for one in status if status[one] in TAKEN]
    owed = orders.owed(target, ca.ca_certificate_id)
    pacing = configuration.limits().pacing
    alone, contended = sweep.takes(len(going), pacing)
    return Plan(
        ca=ca,
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
            if other.issuer_key == ca.issuer_key and other.ca_certificate_id != ca.ca_certificate_id
        ],
        ordered=owed,
    )


def revoke(target: Target, ca: RegisteredCa, reason: str) -> Started:
    """Write the order to revoke the CA, disable the CA and its automatic registration, and start the sweep. Safe to repeat.

    Raises `BadInput`, `OrderInvalid`, `AnsweredNo` if somebody else gives an order at the same moment, `TrailUnavailable`.
    """
    why = require_reason(reason)
    requested = {"issuer_key": ca.issuer_key, "subject": ca.subject}
    with recorded(target, "authority", "revoke", ca.ca_certificate_id, new=requested, reason=why) as act:
        revocation, resumed = _order(target, ca, why, act.id)
        # After the order: a simultaneous `enable` sees the order, or is reversed here.
        ca = authorities.show(target, ca.ca_certificate_id)
        if ca.status != "INACTIVE" or ca.auto_registration:
            ca = authorities.switch(target, ca, on=False, registration_only=False, reason=why)
        execution = _start(target, revocation)
        act.new = {"order": revocation.trail_id, "resumed": resumed, "execution": execution}
    return Started(ca=ca, revocation=revocation, execution=execution, resumed=resumed)


def enable(
    target: Target, ca: RegisteredCa, known: AuthorityRevocation | None, *, registration_only: bool, reason: str
) -> RegisteredCa:
    """Enable a CA and its automatic registration, and end `known`, the order to revoke it that the operator was shown.

    Then no further sweep revokes new devices. Certificates that are REVOKED stay REVOKED. If another order was given meanwhile, the CA
    is disabled again and `AnsweredNo` is raised. Raises also `OrderInvalid`, `BadInput`, `TrailUnavailable`.
    """
    now = authorities.switch(target, ca, on=True, registration_only=registration_only, reason=reason)
    try:
        end(target, ca.ca_certificate_id, known)
    except AnsweredNo:
        authorities.switch(
            target, now, on=False, registration_only=False, reason="An order to revoke it was given meanwhile"
        )
        raise
    return now


def end(target: Target, ca_certificate_id: str, known: AuthorityRevocation | None) -> None:
    """End the order `known`. Raises `OrderInvalid`, and `AnsweredNo` if there is another order now."""
    order, etag = orders.read(target, ca_certificate_id)
    if order is None or order.ended_at is not None:
        return
    if order.revocation != known:
        raise AnsweredNo(
            f"{order.revocation.by} has ordered meanwhile to revoke this CA: {order.revocation.reason}. It stays disabled."
        )
    orders.write(target, msgspec.structs.replace(order, ended_at=datetime.now(UTC)), etag)


def _order(target: Target, ca: RegisteredCa, reason: str, trail_id: str) -> tuple[AuthorityRevocation, bool]:
    """The order that is owed, written if there is none; and whether it was there before."""
    there, etag = orders.read(target, ca.ca_certificate_id)
    if there is not None and there.ended_at is None:
        return there.revocation, True
    made = AuthorityRevocation(
        ca_certificate_id=ca.ca_certificate_id,
        subject=ca.subject,
        issuer_key=ca.issuer_key,
        by=target.client("sts").get_caller_identity()["Arn"],
        reason=reason,
        at=datetime.now(UTC),
        trail_id=trail_id,
    )
    orders.write(target, Order(revocation=made), etag)
    return made, False


def _start(target: Target, revocation: AuthorityRevocation) -> str:
    """Start a sweep for the order, or return the one that runs: there is one at a time."""
    sfn, machine = target.client("stepfunctions"), target.output("SweepMachineArn")
    pages = sfn.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
    for one in (one for page in pages for one in page["executions"]):
        if one["name"].startswith(revocation.executions):
            return str(one["executionArn"])
    order = {"issuer_key": revocation.issuer_key, "authority": revocation.ca_certificate_id}
    answer = sfn.start_execution(
        stateMachineArn=machine,
        name=f"{revocation.executions}{datetime.now(UTC):%Y%m%dT%H%M%S}",
        input=msgspec.json.encode(order).decode(),
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
