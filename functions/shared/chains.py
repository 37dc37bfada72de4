"""Which record the next one follows: the admissions table has the latest record of each certificate."""

from msgspec import Struct

from functions.shared.admissions.rows import Admission
from functions.shared.aws import client, translated
from workflows.dynamodb_items import from_item, to_item, values
from workflows.evidence.record import Link


def of_certificate(row: "Admission | Head") -> Link | None:
    """Returns the certificate's latest record. Its chain has one writer at a time, the owner of the admission, so it has no gaps."""
    if row.evidence_key is None or row.evidence_sha256 is None:
        return None
    return Link(key=row.evidence_key, sha256=row.evidence_sha256)


def of_device(table: str, device: str | None, certificate_id: str) -> Link | None:
    """Returns the latest record of `device` under another certificate. Raises `AwsUnavailable`, `AccessRefused`.

    It is read from an index that may lag by a second. The day's manifest still lists a record that the index misses.
    """
    if device is None:
        return None
    with translated():
        answer = client("dynamodb").query(
            TableName=table,
            IndexName="by_device",
            KeyConditionExpression="device = :device",
            ExpressionAttributeValues=values(device=device),
            ScanIndexForward=False,
            Limit=20,
        )
    rows = (from_item(item, Admission) for item in answer["Items"])
    others = (of_certificate(row) for row in rows if row.certificate_id != certificate_id)
    return next((link for link in others if link is not None), None)


class Head(Struct, frozen=True, kw_only=True):
    """The latest record of a certificate, and the admission that it belongs to."""

    execution_arn: str
    outcome: str
    device: str | None = None
    evidence_key: str | None = None
    evidence_sha256: str | None = None
    reopen_at: int | None = None
    closed_by: str | None = None
    ca_certificate_id: str = ""
    trial: bool = False

    @property
    def link(self) -> Link | None:
        return of_certificate(self)


def head(table: str, certificate_id: str) -> Head | None:
    """Returns the current state (strong read); None if the certificate never knocked. Raises `AwsUnavailable`, `AccessRefused`."""
    with translated():
        answer = client("dynamodb").get_item(
            TableName=table, Key=to_item({"certificate_id": certificate_id}), ConsistentRead=True
        )
    return from_item(answer["Item"], Head) if "Item" in answer else None
