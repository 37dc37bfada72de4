"""Which record comes before the next one: the admissions table names the latest of each certificate."""

from functions.shared.admissions import Admission
from functions.shared.aws import client, translated
from functions.shared.items import from_item, values
from workflows.evidence.record import Link, key_of


def of_certificate(row: Admission, execution_name: str) -> Link | None:
    """The certificate's latest record, other than this execution's own. The chain has one writer at a time, so it has no gaps."""
    if row.evidence_key == key_of(row.certificate_id, execution_name):
        return None
    return _link(row)


def of_device(table: str, device: str | None, certificate_id: str) -> Link | None:
    """The latest record of `device` under another certificate. Raises `AwsUnavailable`, `AccessRefused`.

    Read from an index that may lag by a second: a record that it misses is still named in the day's manifest.
    """
    if device is None:
        return None
    with translated():
        found = client("dynamodb").query(
            TableName=table,
            IndexName="by_device",
            KeyConditionExpression="device = :device",
            ExpressionAttributeValues=values(device=device),
            ScanIndexForward=False,
            Limit=20,
        )
    rows = (from_item(item, Admission) for item in found["Items"])
    others = (_link(row) for row in rows if row.certificate_id != certificate_id)
    return next((link for link in others if link is not None), None)


def _link(row: Admission) -> Link | None:
    if row.evidence_key is None or row.evidence_sha256 is None:
        return None
    return Link(key=row.evidence_key, sha256=row.evidence_sha256)
