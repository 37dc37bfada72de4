"""The orders to revoke whole CAs, in the bucket of lists, as operators give and end them."""

from botocore.exceptions import ClientError

from gatehouse.errors import AnsweredNo
from gatehouse.stack.target import Target
from workflows.revocation import ca_revocation
from workflows.revocation.ca_revocation import AuthorityRevocation, Order, OrderInvalid

_CHANGED = ("PreconditionFailed", "ConditionalRequestConflict")


def owed(target: Target, ca_certificate_id: str) -> AuthorityRevocation | None:
    """What is ordered and not done; None if nothing is. Raises `OrderInvalid`."""
    order = read(target, ca_certificate_id)[0]
    return None if order is None or order.ended_at is not None else order.revocation


def told(target: Target) -> dict[str, str]:
    """What there is to say of each CA whose revocation is owed or runs, by its id: one line. An order that cannot be read is told too."""
    pages = (
        target.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=target.output("CrlBucket"), Prefix="authorities/")
    )
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    identifiers = [key.removeprefix("authorities/").removesuffix(".json") for key in keys]
    lines = {identifier: _line(target, identifier) for identifier in identifiers}
    return {identifier: line for identifier, line in lines.items() if line is not None}


def _line(target: Target, ca_certificate_id: str) -> str | None:
    try:
        one = owed(target, ca_certificate_id)
    except OrderInvalid as error:
        return str(error)
    if one is None:
        return None
    return (
        f"The CA {one.subject} is being revoked, by {one.by} since {one.at:%Y-%m-%d %H:%M}Z: its sweep is owed, or runs, "
        f"until none of its certificates is left. What is left: gatehouse ca revoke {ca_certificate_id} --reason … --dry-run"
    )


def read(target: Target, ca_certificate_id: str) -> tuple[Order | None, str | None]:
    """The order, owed or not, and the ETag that a write over it must match. Raises `OrderInvalid`."""
    try:
        answer = target.client("s3").get_object(
            Bucket=target.output("CrlBucket"), Key=ca_revocation.key_of(ca_certificate_id)
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
            raise
        return None, None
    return ca_revocation.read(answer["Body"].read(), ca_certificate_id), answer["ETag"]


def write(target: Target, order: Order, etag: str | None) -> None:
    """Over the one with this ETag; None: there must be none. Raises `AnsweredNo` if that was changed meanwhile."""
    condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
    try:
        target.client("s3").put_object(
            Bucket=target.output("CrlBucket"),
            Key=ca_revocation.key_of(order.revocation.ca_certificate_id),
            Body=ca_revocation.write(order),
            ContentType="application/json",
            **condition,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _CHANGED:
            raise
        raise AnsweredNo(
            "Somebody else has given or ended an order for this CA meanwhile. Look, and ask again."
        ) from error
