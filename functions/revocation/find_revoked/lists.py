"""The current list against the last one that was swept."""

from functions.shared import issuers, manifests, objects
from functions.shared.crl_store import read_list
from workflows.revocation import VerifiedList, verify_list
from workflows.revocation.entries import REMOVE
from workflows.revocation.errors import CrlStoreUnavailable
from workflows.revocation.manifest import Current
from workflows.revocation.publication import Changes, compare
from workflows.revocation.sweep import facts_of
from workflows.revocation.verdict import ListFacts


def changes(bucket: str, issuer_key: str, current: Current) -> tuple[ListFacts, Changes]:
    """What it newly revokes and releases. If the list before it is gone, everything is new: nobody is passed over.

    Raises `CrlStoreUnavailable`, `AwsUnavailable`, `AccessRefused`.
    """
    issuer = issuers.load(bucket, current.ca_certificate_id)
    new = _verified(bucket, current)
    before = objects.read(bucket, f"lists/{issuer_key}/{current.swept}.crl") if current.swept is not None else None
    old = None if before is None else verify_list(before.data, issuer)
    found = compare(old if isinstance(old, VerifiedList) else None, new)
    if new.meta.scope.only_attribute or new.meta.scope.only_ca:
        return facts_of(new), Changes((), ())  # it speaks for no device's certificate
    deltas = [_verified(bucket, one) for one in _newer_deltas(bucket, issuer_key, current)]
    kept = tuple(entry for entry in found.newly_revoked if not _taken_back(entry.serial, deltas))
    return facts_of(new), Changes(kept, found.released)


def _newer_deltas(bucket: str, issuer_key: str, current: Current) -> list[Current]:
    record = current.record
    return [
        one
        for one in manifests.load(bucket, issuer_key).slots.values()
        if not record.delta
        and one.record.delta
        and one.record.scope == record.scope
        and int(one.record.number) > int(record.number)
    ]


def _taken_back(serial: bytes, deltas: list[VerifiedList]) -> bool:
    return any(entry.reason == REMOVE for delta in deltas for entry in delta.find(serial))


def _verified(bucket: str, current: Current) -> VerifiedList:
    found = read_list(bucket, current, issuers.load(bucket, current.ca_certificate_id))
    if not isinstance(found, VerifiedList):
        raise CrlStoreUnavailable(
            f"List {current.record.sha256} in the bucket is damaged. Publish the CA's list again; nobody is swept meanwhile."
        )
    return found
