"""Compare the current list with the last one that was swept."""

from functions.shared import current_lists, issuers, objects
from functions.shared.crl_store import read_list
from workflows.revocation import VerifiedList, sweep, verify_list
from workflows.revocation.current_lists import Current
from workflows.revocation.errors import CrlStoreUnavailable
from workflows.revocation.publication import Changes
from workflows.revocation.sweep import facts_of
from workflows.revocation.verdict import ListFacts


def changes(bucket: str, issuer_key: str, current: Current) -> tuple[ListFacts, Changes]:
    """Returns what the list newly revokes and releases. If the list before it is missing, every entry is new, so that none is skipped.

    Raises `CrlStoreUnavailable`, `AwsUnavailable`, `AccessRefused`.
    """
    issuer = issuers.load_to_revoke(bucket, current.ca_certificate_id)
    new = _verified(bucket, current)
    before = objects.read(bucket, f"lists/{issuer_key}/{current.swept}.crl") if current.swept is not None else None
    old = None if before is None else verify_list(before.data, issuer)
    deltas = [
        _verified(bucket, one) for one in current_lists.load(bucket, issuer_key).slots.values() if one.record.delta
    ]
    return facts_of(new), sweep.changes(old if isinstance(old, VerifiedList) else None, new, deltas)


def _verified(bucket: str, current: Current) -> VerifiedList:
    read = read_list(bucket, current, issuers.load_to_revoke(bucket, current.ca_certificate_id))
    if not isinstance(read, VerifiedList):
        raise CrlStoreUnavailable(
            f"List {current.record.sha256} in the bucket is damaged. Publish the CA's list again; until then nothing is swept."
        )
    return read
