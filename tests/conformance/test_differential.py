"""The same questions to ``openssl verify -crl_check`` and to ``pyhanko-certvalidator``.

Both are laxer than the profile, so they may say good where we decline. What must never differ: where we say good they
agree, where they say revoked we never say good, and on plain lists, without anything the profile is strict about, all
three give the same answer.
"""

import asyncio
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathValidationError, RevokedError

from tests import pki
from tests.conformance.conftest import OTHER_SHARD, SERIAL, SHARD, Score, ca, device, sharded_device
from tests.crl_der import UNKNOWN, craft, entry, extension, issuing_point, key_identifier, number, reason, utc
from workflows.revocation import check
from workflows.revocation.verdict import Status

Oracle = Callable[["Question", Path], Status]


class Question(NamedTuple):
    certificate: x509.Certificate
    crl: bytes
    plain: bool
    """Nothing in it on which the profile is stricter than RFC 5280."""


def openssl(question: Question, folder: Path) -> Status:
    (folder / "ca.pem").write_text(ca().pem)
    (folder / "device.pem").write_text(pki.pem(question.certificate))
    loaded = x509.load_der_x509_crl(question.crl)
    (folder / "list.pem").write_bytes(loaded.public_bytes(Encoding.PEM))
    command = ["openssl", "verify", "-crl_check", "-extended_crl", "-attime", str(int(pki.NOW.timestamp()))]
    files = ["-CAfile", "ca.pem", "-CRLfile", "list.pem", "device.pem"]
    run = subprocess.run([*command, *files], cwd=folder, capture_output=True, text=True, check=False, timeout=30)
    if run.returncode == 0:
        return "good"
    return "revoked" if "certificate revoked" in run.stdout + run.stderr else "unknown"


def certvalidator(question: Question, folder: Path) -> Status:
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(ca().certificate.public_bytes(Encoding.DER))],
        crls=[asn1_crl.CertificateList.load(question.crl)],
        revocation_mode="require",
        allow_fetching=False,
        moment=pki.NOW,
    )
    certificate = asn1_x509.Certificate.load(question.certificate.public_bytes(Encoding.DER))
    validator = CertificateValidator(certificate, validation_context=context)
    try:
        asyncio.run(validator.async_validate_usage(set()))  # type: ignore[no-untyped-call]
    except RevokedError:
        return "revoked"
    except PathValidationError:
        return "unknown"
    return "good"


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """A list of a few entries, perhaps ours; fresh, stale or to come; whole or a shard; ours or a namesake's."""
    others = draw(st.lists(st.integers(1, 1 << 159), max_size=4, unique=True))
    entries = [entry(serial, *_reasons(draw)) for serial in others if serial != SERIAL]
    if draw(st.booleans()):
        entries.insert(draw(st.integers(0, len(entries))), entry(SERIAL, *_reasons(draw)))
    odd_entry = draw(st.sampled_from([False] * 7 + [True]))
    if odd_entry:
        entries.append(entry(1 << 100, extension(UNKNOWN, b"\x05\x00", critical=True)))
    this_update, next_update = draw(st.sampled_from([(-1, 100)] * 6 + [(-100, -1), (1, 100)]))
    point = draw(st.sampled_from([None] * 4 + [SHARD, SHARD, OTHER_SHARD]))
    numbered = draw(st.sampled_from([True] * 7 + [False]))
    signer = draw(st.sampled_from([ca().key] * 7 + [pki.key("namesake")]))
    odd_list = draw(st.sampled_from([False] * 7 + [True]))
    crl = craft(
        ca(),
        *entries,
        signer=signer,
        this_update=utc(pki.NOW + timedelta(hours=this_update)),
        next_update=utc(pki.NOW + timedelta(hours=next_update)),
        extensions=[
            key_identifier(ca()),
            *([number(draw(st.integers(0, 1 << 158)))] if numbered else []),
            *([issuing_point(point)] if point else []),
            *([extension(UNKNOWN, b"\x05\x00", critical=True)] if odd_list else []),
        ],
    )
    plain = numbered and not odd_entry and not odd_list and this_update < 0 < next_update and point != OTHER_SHARD
    sharded = draw(st.booleans())
    return Question(sharded_device() if sharded else device(), crl, plain and (sharded or point is None))


def _reasons(draw: st.DrawFn) -> tuple[bytes, ...]:
    code = draw(st.sampled_from([None, None, 1, 4, 6]))
    return () if code is None else (reason(code),)


@pytest.mark.parametrize("oracle", [openssl, certvalidator], ids=["openssl verify", "pyhanko-certvalidator"])
def test_differential(oracle: Oracle, tmp_path: Path, score: Score) -> None:
    @settings(max_examples=80, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(question=questions())
    def agree(question: Question) -> None:
        ours = check(question.certificate, ca().certificate, [question.crl], pki.NOW).status
        theirs = oracle(question, tmp_path)
        if question.plain:
            score(f"differential, {oracle.__name__}, plain lists", theirs, ours)
            assert ours == theirs
        assert ours != "good" or theirs == "good"
        assert theirs != "revoked" or ours != "good"

    agree()
