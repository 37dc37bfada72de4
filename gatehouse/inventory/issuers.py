"""Names in the inventory without their issuer. They do no harm while there is one CA; with several, their devices are held."""

from collections.abc import Iterable

from botocore.exceptions import ClientError

from gatehouse.revocation import authorities
from gatehouse.stack import tables
from gatehouse.stack.target import Target
from workflows.admission.contracts import DeviceRecord
from workflows.admission.inventory import counts_for_every_ca
from workflows.dynamodb_items import to_item


def several(target: Target) -> bool:
    """Whether CAs with more than one key are registered, as AWS IoT lists them. The CA of a trial does not count."""
    return len({ca.issuer_key for ca in authorities.list_all(target) if not ca.trial}) > 1


def without(target: Target, records: Iterable[DeviceRecord]) -> int:
    """How many of `records` give a name and not its issuer, if that matters: 0 while there is one CA.

    An operator who may import but not list CAs gets the number of all of them.
    """
    number = sum(counts_for_every_ca(record) for record in records)
    if not number:
        return 0
    try:
        return number if several(target) else 0
    except ClientError as error:
        if "AccessDenied" not in error.response["Error"]["Code"]:
            raise
        return number


def any_without(target: Target) -> bool:
    """Whether the inventory holds an allowed name without issuer. Scans the table up to the first one."""
    lines = tables.scan(
        target.client("dynamodb"),
        TableName=target.output("InventoryTable"),
        FilterExpression="begins_with(lookup_key, :name) AND effect = :allow",
        ExpressionAttributeValues=to_item({":name": "name#", ":allow": "allow"}),
    )
    return next(lines, None) is not None
