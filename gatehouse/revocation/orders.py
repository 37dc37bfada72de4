"""The orders to revoke whole CAs, which operators give and end. They are stored in the bucket of lists."""

from gatehouse.errors import AnsweredNo
from gatehouse.stack import objects
from gatehouse.stack.objects import ChangedMeanwhile
from gatehouse.stack.target import Target
from workflows.revocation import ca_revocation
from workflows.revocation.ca_revocation import AuthorityRevocation, Order, OrderInvalid


def owed(target: Target, ca_certificate_id: str) -> AuthorityRevocation | None:
    """The order for a CA that has not ended; None if there is none. Raises `OrderInvalid`."""
    order = read(target, ca_certificate_id)[0]
    return None if order is None or order.ended_at is not None else order.revocation


def lines(target: Target) -> dict[str, str]:
    """One line for each CA whose revocation is owed or runs, by its id. For an order that cannot be read, the error."""
    keys = objects.keys(target, "CrlBucket", "authorities/")
    identifiers = [key.removeprefix("authorities/").removesuffix(".json") for key in keys]
    found = {identifier: _line(target, identifier) for identifier in identifiers}
    return {identifier: line for identifier, line in found.items() if line is not None}


def _line(target: Target, ca_certificate_id: str) -> str | None:
    try:
        one = owed(target, ca_certificate_id)
    except OrderInvalid as error:
        return str(error)
    if one is None:
        return None
    return (
        f"The CA {one.subject} is being revoked; {one.by} ordered it on {one.at:%Y-%m-%d %H:%M}Z. Sweeps are owed or run "
        f"until all its certificates are REVOKED. To see what is left: gatehouse ca revoke {ca_certificate_id} --reason … --dry-run"
    )


def read(target: Target, ca_certificate_id: str) -> tuple[Order | None, str | None]:
    """The order, ended or not, and the ETag with which `write` replaces it. Raises `OrderInvalid`."""
    found = objects.read(target, "CrlBucket", ca_revocation.key_of(ca_certificate_id))
    return (None, None) if found is None else (ca_revocation.read(found.data, ca_certificate_id), found.etag)


def write(target: Target, order: Order, etag: str | None) -> None:
    """Replace the order with this ETag; None means that there must be none. Raises `AnsweredNo` if it has changed meanwhile."""
    key = ca_revocation.key_of(order.revocation.ca_certificate_id)
    try:
        objects.replace(
            target, "CrlBucket", key, ca_revocation.write(order), content_type="application/json", etag=etag
        )
    except ChangedMeanwhile as error:
        raise AnsweredNo(
            "Somebody else has given or ended an order for this CA meanwhile. Check it, and run the command again."
        ) from error
