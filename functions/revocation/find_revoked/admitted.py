"""The admissions of an issuer's certificates, found by serial number."""

from collections.abc import Iterator, Set

from msgspec import Struct

from functions.shared.aws import client, translated
from workflows.dynamodb_items import from_item, values

FEW = 200
"""At most this many serials are read one by one. For more, the issuer's whole partition is read, one megabyte in each call."""


class Row(Struct, frozen=True, kw_only=True):
    """The attributes of an admission that the sweep needs."""

    certificate_id: str
    serial: str
    outcome: str
    reason: str = ""
    device: str | None = None


def rows(table: str, issuer_key: str, serials: Set[str]) -> list[Row]:
    """Returns every admission of a certificate with one of these serials. Raises `AwsUnavailable`, `AccessRefused`."""
    if len(serials) <= FEW:
        return [row for serial in sorted(serials) for row in _query(table, issuer_key, serial)]
    return [row for row in _query(table, issuer_key) if row.serial in serials]


def _query(table: str, issuer_key: str, serial: str | None = None) -> Iterator[Row]:
    key = {"issuer_key": issuer_key} | ({} if serial is None else {"serial": serial})
    pages = (
        client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=table,
            IndexName="by_issuer_serial",
            KeyConditionExpression=" AND ".join(f"{name} = :{name}" for name in key),
            ProjectionExpression="certificate_id, serial, outcome, #reason, device",
            ExpressionAttributeNames={"#reason": "reason"},
            ExpressionAttributeValues=values(**key),
        )
    )
    with translated():
        for page in pages:
            for item in page["Items"]:
                yield from_item(item, Row)
