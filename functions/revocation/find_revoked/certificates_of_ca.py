"""The certificates of a revoked CA, as AWS IoT lists them: not all of them have an admission."""

from collections.abc import Iterator
from typing import Any

import msgspec

from functions.shared import batch_reads, ca_orders, clock, objects
from functions.shared.aws import client, translated
from functions.shared.settings import limits
from workflows.revocation import sweep
from workflows.revocation.ca_revocation import PAGE, TAKEN, AuthorityRevocation
from workflows.revocation.sweep import AuthorityItem, FindInput, FindResult


def find(request: FindInput, ca_certificate_id: str, bucket: str, table: str) -> FindResult:
    """Find them if the bucket has an order to revoke the CA that is not done; without such an order, returns none.

    Raises `OrderInvalid`, `AwsUnavailable`, `AccessRefused`.
    """
    revocation = ca_orders.owed(bucket, ca_certificate_id)
    if revocation is None:
        return FindResult(issuer_key=request.issuer_key, bucket=bucket)
    listed, items = _items(table, revocation)
    key = sweep.items_key(request.issuer_key, request.execution.name)
    objects.write(bucket, key, msgspec.json.encode(items), "application/json")
    return FindResult(
        issuer_key=request.issuer_key,
        bucket=bucket,
        authority=revocation,
        key=key,
        newly_listed=listed,
        revoked=len(items),
    )


def _items(table: str, revocation: AuthorityRevocation) -> tuple[int, list[AuthorityItem]]:
    """Returns how many certificates AWS IoT has of the CA, and those that have to be revoked.

    These are all that are not REVOKED, and those that an earlier sweep set REVOKED but did not seal and close.
    """
    listed, items = 0, list[AuthorityItem]()
    for page in _pages(revocation.ca_certificate_id):
        listed += len(page)
        of_page = [AuthorityItem(certificate_id=one["certificateId"], authority=revocation) for one in page]
        status = {one["certificateId"]: one["status"] for one in page}
        begun = _begun(table, [item for item in of_page if status[item.certificate_id] == "REVOKED"])
        items += [item for item in of_page if status[item.certificate_id] in TAKEN or item.certificate_id in begun]
    return listed, items


def _pages(ca_certificate_id: str) -> Iterator[list[dict[str, Any]]]:
    """Yields the pages of the list. They are read slowly, since others use the quota for listing too."""
    pages = (
        client("iot")
        .get_paginator("list_certificates_by_ca")
        .paginate(caCertificateId=ca_certificate_id, PaginationConfig={"PageSize": PAGE})
    )
    with translated():
        for page in pages:
            yield page["certificates"]
            clock.sleep(1 / limits().reconcile.calls_per_second)


def _begun(table: str, items: list[AuthorityItem]) -> set[str]:
    """Returns the certificates that are marked for the CA and whose revocation is not complete."""
    marks = {item.certificate_id: item.mark for item in items}
    rows = batch_reads.admissions(table, list(marks), "certificate_id", "revoked_by", "closed_by")
    return {
        row["certificate_id"]
        for row in rows
        if row.get("revoked_by") == marks[row["certificate_id"]] != row.get("closed_by")
    }
