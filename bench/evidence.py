"""Verification of 1,000 records at once, compared with the signature checks alone."""

import time
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from bench.measure import Row, at_most
from tests import records
from workflows.evidence import jws, votes
from workflows.evidence.record import AdmissionRecord, parse
from workflows.evidence.verify import verify

RECORDS, ROUNDS = 1_000, 7
BAR = 2.0
_P256 = ec.ECDSA(hashes.SHA256())


def fleet() -> dict[str, bytes]:
    """A thousand devices' records, one in five with a person's signed vote, and the day's manifest."""
    files = {}
    for number in range(RECORDS):
        device = f"pump-{number:04}"
        approved = records.approval(records.vote(of=device), of=device) if number % 5 == 0 else None
        made = records.admission(device, dossier=records.dossier(device, approved=approved))
        files[made.key] = records.sealed(made)
    return files | records.days(files, count=1)


def signatures(files: dict[str, bytes]) -> list[tuple[bytes, bytes]]:
    """Every signature in DER with the bytes that it signs: the prepared input of the signature checks."""
    found = []
    for data in files.values():
        sealed, payload = jws.parse(data)
        found.append((_der(sealed.signature), jws.signing_input(sealed.protected, payload)))
        made = parse(payload) if b'"kind":"admission"' in payload else None
        if isinstance(made, AdmissionRecord) and made.dossier.approval:
            for vote in made.dossier.approval.votes:
                header, _, signature = (vote.signature or "").partition("..")
                signed = jws.signing_input(header, votes.statement(vote, made.dossier.approval.approval_id))
                found.append((_der(signature), signed))
    return found


def rows() -> list[Row]:
    """Records a second, and what verification costs beyond the signatures."""
    files, keys = fleet(), records.keys()
    pairs = signatures(files)
    key = next(iter(keys.values()))

    def bare() -> None:
        for signature, signed in pairs:
            key.verify(signature, signed, _P256)

    def whole() -> None:
        report = verify(files.items(), keys)
        if report.failures:
            raise AssertionError(report.failures[0])

    signature_seconds, verify_seconds = _best(bare, whole)
    ratio = verify_seconds / signature_seconds
    size = sum(map(len, files.values())) / RECORDS
    return [
        Row(name="evidence: records verified", value=RECORDS / verify_seconds, unit="records/s"),
        at_most("evidence: verification against its bare signature checks", ratio, "times", BAR),
        Row(name="evidence: size of a sealed record", value=size, unit="bytes"),
    ]


def _best(*runs: Callable[[], None]) -> list[float]:
    """Seconds of each, the best of some rounds. The functions take turns, so other load on the machine affects all alike."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for taken, run in zip(times, runs, strict=True):
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]


def _der(signature: str) -> bytes:
    raw = jws.decode(signature)
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
