"""Store a record: it is signed once and written once, and a repeat of the same step finds it again."""

from functions.shared.signing import Signer
from functions.shared.vault import AlreadyKept, Vault
from workflows.canonical import canonical, sha256
from workflows.evidence import jws
from workflows.evidence.errors import EvidenceConflict, EvidenceInvalid
from workflows.evidence.record import Link, Record, parse, says_the_same


def keep(record: Record, vault: Vault, signer: Signer) -> tuple[Record, Link]:
    """Seal `record` and store it. Returns the stored record and its place.

    After a crash between storing and returning, the step runs again. Then the record that was stored first stays valid, provided that it
    states the same end and our key signed it. Raises `EvidenceConflict` otherwise; `AwsUnavailable`, `AccessRefused` from KMS and S3.
    """
    data = signer.seal(jws.RECORD, canonical(record))
    try:
        vault.keep(record.key, data)
    except AlreadyKept:
        return _stored(record, vault.read(record.key), signer)
    return record, Link(key=record.key, sha256=sha256(data))


def _stored(record: Record, data: bytes, signer: Signer) -> tuple[Record, Link]:
    try:
        stored = parse(jws.opened(data, kind=jws.RECORD, keys=signer.keys()))
    except EvidenceInvalid as error:
        raise EvidenceConflict(
            f"Under {record.key} there is already a file whose signature does not verify: {error}"
        ) from error
    if not says_the_same(stored, record):
        raise EvidenceConflict(
            f"Under {record.key} there is already a record that states something else. Compare it with the history."
        )
    return stored, Link(key=record.key, sha256=sha256(data))
