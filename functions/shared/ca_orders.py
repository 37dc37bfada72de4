"""The orders to revoke a whole CA, in the bucket of lists. Operators write them; a sweep notes when one is done."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from msgspec.structs import replace

from functions.shared import objects
from functions.shared.objects import ChangedMeanwhile
from workflows.revocation import ca_revocation
from workflows.revocation.ca_revocation import AuthorityRevocation


def owed(bucket: str, ca_certificate_id: str) -> AuthorityRevocation | None:
    """Returns the order for this CA that is not done; None if there is none. Raises `OrderInvalid`, `AwsUnavailable`, `AccessRefused`."""
    stored = objects.read(bucket, ca_revocation.key_of(ca_certificate_id))
    order = None if stored is None else ca_revocation.read(stored.data, ca_certificate_id)
    return None if order is None or order.ended_at is not None else order.revocation


def every_owed(bucket: str) -> Iterator[AuthorityRevocation]:
    """Returns the orders of all CAs that are not done. Raises `OrderInvalid`, `AwsUnavailable`, `AccessRefused`."""
    for key in objects.keys(bucket, "authorities/"):
        order = owed(bucket, key.removeprefix("authorities/").removesuffix(".json"))
        if order is not None:
            yield order


def note_done(bucket: str, done: AuthorityRevocation, at: datetime) -> None:
    """Note that all certificates of the CA are revoked.

    If somebody else writes at the same time, nothing is written, and the next sweep tries again. Raises `AwsUnavailable`, `AccessRefused`.
    """
    key = ca_revocation.key_of(done.ca_certificate_id)
    stored = objects.read(bucket, key)
    order = None if stored is None else ca_revocation.read(stored.data, done.ca_certificate_id)
    if order is None or order.revocation != done or order.ended_at is not None:
        return
    with suppress(ChangedMeanwhile):
        objects.replace(
            bucket, key, ca_revocation.write(replace(order, ended_at=at)), "application/json", before=stored
        )
