"""Lines of the inventory with a name and no issuer key. With one CA they are safe; with several CAs their devices are held."""

from collections.abc import Iterable

from botocore.exceptions import ClientError

from gatehouse.revocation import authorities
from gatehouse.stack import tables
from gatehouse.stack.target import Target
from workflows.admission.contracts import DeviceRecord
from workflows.admission.inventory import counts_for_every_ca
from workflows.dynamodb_items import to_item


def several(target: Target) -> bool:
    """Whether the CAs that are registered in AWS IoT have more than one key. The CA of a trial does not count."""
    return len({ca.issuer_key for ca in authorities.list_all(target) if not ca.trial}) > 1


def without(target: Target, records: Iterable[DeviceRecord]) -> int:
    """The number of `records` with a name and no issuer key; 0 while there is only one CA.

    An operator who may import but not list CAs gets the number as if there were several CAs.
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
    """Whether the inventory has a line that allows a name without issuer key. Scans the table up to the first such line."""
    lines = tables.scan(
        target.client("dynamodb"),
        TableName=target.output("InventoryTable"),
        FilterExpression="begins_with(lookup_key, :name) AND effect = :allow",
        ExpressionAttributeValues=to_item({":name": "name#", ":allow": "allow"}),
    )
    return next(lines, None) is not None
