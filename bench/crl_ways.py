"""The ways to check a certificate against a list, each to be run in a process of its own. Times are in milliseconds.

Each takes the folder that :mod:`bench.make_lists` wrote. Nothing heavy is imported that the way itself does not need.
"""

import hashlib
import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

MOMENT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _load(folder: str) -> tuple[bytes, x509.Certificate, x509.Certificate]:
    """The list, its issuer, and a device that it does not name."""
    place = Path(folder)
    issuer, good = (x509.load_pem_x509_certificate((place / name).read_bytes()) for name in ("issuer.pem", "good.pem"))
    return (place / "list.crl").read_bytes(), issuer, good


def _ms(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1_000


def usual(folder: str) -> dict[str, float]:
    """Library calls: load the list, verify it, look the serial up."""
    data, issuer, good = _load(folder)

    def check() -> None:
        crl = x509.load_der_x509_crl(data)
        if not crl.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
            raise AssertionError("the list does not verify")
        if crl.get_revoked_certificate_by_serial_number(good.serial_number) is not None:
            raise AssertionError("the device is listed")

    return {"ms": _ms(check)}


def cold(folder: str) -> dict[str, float]:
    """Gatehouse on the list's octets, the first call of a process."""
    data, issuer, good = _load(folder)
    from workflows.revocation import check

    status = []
    spent = _ms(lambda: status.append(check(good, issuer, [data], MOMENT).status))
    if status != ["good"]:
        raise AssertionError(status)
    return {"ms": spent}


def warm(folder: str) -> dict[str, float]:
    """Gatehouse on a verified list in memory: the whole check, the certificate's signature included."""
    data, issuer, good = _load(folder)
    from workflows.revocation import VerifiedList, check, verify_list

    kept = verify_list(data, issuer)
    if not isinstance(kept, VerifiedList):
        raise TypeError(kept.reason)
    return {"ms": min(_ms(lambda: check(good, issuer, [kept], MOMENT)) for _ in range(15))}


def limit(folder: str) -> dict[str, float]:
    """The least that every check needs: SHA-256 of the list, and one pass over it."""
    data, _, _ = _load(folder)
    needle = random.Random(1).randbytes(22)  # noqa: S311
    return {"ms": min(_ms(lambda: (hashlib.sha256(data).digest(), data.find(needle))) for _ in range(5))}


def publish(folder: str) -> dict[str, float]:
    """Accept the list and write its index, from reading the list until the index is written."""
    place = Path(folder)
    issuer = x509.load_pem_x509_certificate((place / "issuer.pem").read_bytes())
    from workflows.revocation.index import build_index
    from workflows.revocation.publication import Rejected, accept

    def run() -> None:
        accepted = accept((place / "list.crl").read_bytes(), issuer, MOMENT)
        if isinstance(accepted, Rejected):
            raise TypeError(accepted.reason)
        (place / "list.index").write_bytes(build_index(accepted.verified))

    return {"ms": _ms(run)}


def indexed(folder: str) -> dict[str, float]:
    """Through the index in a local file: random serials, each with dates, scope and order re-checked and a verdict made.

    ``ms``: as the usual way, the certificate's own signature is taken as established. ``whole_ms``: it is verified too.
    ``first_ms``: opening the index and one lookup, two reads.
    """
    place = Path(folder)
    _, issuer, good = _load(folder)
    from workflows.revocation import check
    from workflows.revocation.certificate import certificate_fields
    from workflows.revocation.checker import Question, judge
    from workflows.revocation.index import IndexedList
    from workflows.revocation.verified import MAX_SIZE

    index, crl = (os.open(place / name, os.O_RDONLY) for name in ("list.index", "list.crl"))
    sha256 = hashlib.sha256((place / "list.crl").read_bytes()).hexdigest()

    def opened() -> IndexedList:
        return IndexedList(
            lambda offset, length: os.pread(index, length, offset),
            lambda offset, length: os.pread(crl, length, offset),
            list_sha256=sha256,
        )

    facts = certificate_fields(good)
    question = Question(facts, certificate_fields(issuer), MOMENT, None, MAX_SIZE, {})
    chance = random.Random(2)  # noqa: S311
    serials = [b"\x01" + chance.randbytes(19) for _ in range(4_000)]
    questions = [question._replace(certificate=facts._replace(serial=serial)) for serial in serials]
    first = _ms(lambda: judge(question, [opened()]))
    one = opened()
    spent = min(_ms(lambda: [judge(asked, [one]) for asked in questions]) for _ in range(5)) / len(questions)
    whole = min(_ms(lambda: check(good, issuer, [one], MOMENT)) for _ in range(50))
    return {"ms": spent, "whole_ms": whole, "first_ms": first}
