"""Sweeps from the operator's side: whom a list would take back and how long that takes, and starting one that is owed."""

from collections.abc import Iterator
from datetime import datetime

import msgspec
from botocore.exceptions import ClientError
from cryptography import x509

from gatehouse.evidence.audit_trail import recorded
from gatehouse.revocation import lists
from gatehouse.revocation.lists import ListRejected
from gatehouse.stack import configuration, objects, tables
from gatehouse.stack.target import Target
from workflows import stored
from workflows.admission.facts import issuer_key
from workflows.errors import BadInput
from workflows.revocation import VerifiedList, sweep, verify_list
from workflows.revocation.current_lists import Current
from workflows.revocation.publication import Rejected, accept, slot
from workflows.revocation.sweep import Question

FEW = 200
"""Up to so many serials are asked for one by one; more, and the issuer's whole partition is read."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the sweep of one list would do. Times are in seconds, at ``calls_per_second`` of ``config/limits.toml``."""

    issuer_key: str
    list_sha256: str
    list_number: str
    newly_listed: int
    revokes: int
    """Certificates that are not refused yet and would be set REVOKED."""
    released: int
    """Refused certificates that no entry names any more: questions for people."""
    devices: list[str]
    seconds_alone: float
    seconds_contended: float
    """While people's decisions and knocking devices want their shares as well."""


def owed(target: Target) -> list[Plan]:
    """Of every list that is current and has not been swept."""
    return [
        _plan(target, _list(target, one.record.issuer_key_sha256, one.record.sha256, issuer), one.swept, issuer)
        for one in _owed(target)
        for issuer in [lists.kept_issuer(target, one.ca_certificate_id)]
    ]


def would(target: Target, data: bytes, ca_certificate_id: str, *, at: datetime) -> Plan:
    """Of a list that has not been published. Raises `ListRejected` if it would not count."""
    issuer = lists.kept_issuer(target, ca_certificate_id)
    der = lists.to_der(data)
    judged = accept(der, issuer, at, None, lists.allowed())
    if isinstance(judged, Rejected):
        raise ListRejected(f"{judged.clause}: {judged.reason}. The list would not count, so it would sweep nobody.")
    now = lists.current(target, issuer_key(issuer)).slots.get(slot(judged.verified.meta))
    return _plan(target, judged.verified, None if now is None else now.swept, issuer)


def start(target: Target) -> list[str]:
    """Start every sweep that is owed; answers the executions. One that runs already finds the same people, and does no harm."""
    started = []
    for one in _owed(target):
        key = one.record.issuer_key_sha256
        with recorded(target, "revocation", "sweep", key, new={"list_sha256": one.record.sha256}) as act:
            answer = target.client("stepfunctions").start_execution(
                stateMachineArn=target.output("SweepMachineArn"),
                input=msgspec.json.encode({"issuer_key": key, "slot": one.slot}).decode(),
            )
            act.new = {"execution": answer["executionArn"]}
        started.append(answer["executionArn"])
    return started


def questions(target: Target) -> list[Question]:
    """Certificates that no list names any more and that are still refused: may their devices come back?"""
    asked: dict[str, Question] = {}
    for key in objects.keys(target, "CrlBucket", "questions/"):
        data = lists.read_object(target, key) or b"[]"
        asked |= {one.certificate_id: one for one in stored.read(data, list[Question])}
    ids = list(asked)
    rows = [
        row
        for at in range(0, len(ids), tables.READ_BATCH)
        for row in tables.read_batch(
            target.client("dynamodb"),
            target.output("AdmissionsTable"),
            [{"certificate_id": one} for one in ids[at : at + tables.READ_BATCH]],
        )
    ]
    refused = {row["certificate_id"] for row in rows if row["outcome"] == "refused"}
    return [one for one in asked.values() if one.certificate_id in refused and _still_known(target, one)]


def _still_known(target: Target, one: Question) -> bool:
    """A person answers yes by deleting the certificate: after `gatehouse admissions forget`, its device may knock again."""
    try:
        target.client("iot").describe_certificate(certificateId=one.certificate_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return False
    return True


def _owed(target: Target) -> list[Current]:
    found = lists.every_current(target)
    return [one for current in found for one in current.slots.values() if one.sweep_is_owed]


def _plan(target: Target, new: VerifiedList, swept: str | None, issuer: x509.Certificate) -> Plan:
    key = issuer_key(issuer)
    old = None if swept is None else _list(target, key, swept, issuer)
    newer = [
        _list(target, key, one.record.sha256, issuer)
        for one in lists.current(target, key).slots.values()
        if one.record.delta
    ]
    changes = sweep.changes(old, new, newer)
    listed = {sweep.serial_of(entry.serial) for entry in changes.newly_revoked}
    released = {sweep.serial_of(serial) for serial in changes.released}
    rows = list(_rows(target, key, listed | released))
    going = [row for row in rows if row["serial"] in listed and row["outcome"] in sweep.IN]
    pacing = configuration.limits().pacing
    alone, contended = sweep.takes(len(going), pacing)
    return Plan(
        issuer_key=key,
        list_sha256=new.meta.sha256,
        list_number=str(new.meta.number),
        newly_listed=len(listed),
        revokes=len(going),
        released=sum(row["serial"] in released and row["outcome"] == "refused" for row in rows),
        devices=sorted(str(row.get("device") or row["certificate_id"]) for row in going),
        seconds_alone=alone.total_seconds(),
        seconds_contended=contended.total_seconds(),
    )


def _list(target: Target, key: str, sha256: str, issuer: x509.Certificate) -> VerifiedList:
    data = lists.read_object(target, f"lists/{key}/{sha256}.crl")
    found = None if data is None else verify_list(data, issuer)
    if not isinstance(found, VerifiedList):
        raise BadInput(f"lists/{key}/{sha256}.crl in the bucket is gone or damaged. Publish the CA's list again.")
    return found


def _rows(target: Target, key: str, serials: set[str]) -> Iterator[dict[str, str]]:
    dynamodb, table = target.client("dynamodb"), target.output("AdmissionsTable")
    where = {"TableName": table, "IndexName": "by_issuer_serial"}
    asked: list[dict[str, str]] = [{"serial": one} for one in sorted(serials)] if len(serials) <= FEW else [{}]
    for one in asked:
        wanted = {"issuer_key": key} | one
        for row in tables.query(
            dynamodb,
            **where,
            KeyConditionExpression=" AND ".join(f"{name} = :{name}" for name in wanted),
            ExpressionAttributeValues={f":{name}": {"S": value} for name, value in wanted.items()},
        ):
            if row["serial"] in serials:
                yield row
