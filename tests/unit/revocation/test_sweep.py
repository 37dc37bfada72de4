"""The pure part of a sweep: whom a list means, and how long it takes at the quota."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import pki
from workflows.admission.facts import read
from workflows.admission.limits import CertificateLimits, Pacing, Shares
from workflows.revocation import certificate, sweep

PACING = Pacing(calls_per_second=10, shares=Shares(sweep=3, carry_out=2, admission=5))
ANY = CertificateLimits(
    max_validity_days=9999, min_rsa_bits=2048, curves=("secp256r1",), max_pem_bytes=99999, max_subject_length=999
)


@pytest.mark.parametrize(("count", "alone", "contended"), [(0, 0, 0), (1, 1, 1), (100_000, 10_000, 33_334)])
def test_a_hundred_thousand_take_hours(count: int, alone: int, contended: int) -> None:
    assert sweep.takes(count, PACING) == (timedelta(seconds=alone), timedelta(seconds=contended))


@given(st.integers(min_value=1, max_value=2**159 - 1))
def test_a_serial_is_written_as_the_admission_wrote_it(serial: int) -> None:
    """The sweep finds a certificate by this text; one that differs would pass it over."""
    made = pki.device(pki.authority(), serial=serial)
    facts = read(pki.pem(made), "0" * 64, pki.authority().certificate, ANY).facts
    assert facts is not None
    assert sweep.serial_of(certificate.certificate_fields(made).serial) == facts.serial
