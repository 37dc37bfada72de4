"""Every certificate gets an answer: acceptable, or what was got and what was expected. None gets a traceback."""

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests import pki
from tests.aws_environment import certificate_id as id_of
from tests.unit.admission.examples import LIMITS, sha256
from workflows.admission.certificate import inspect
from workflows.admission.contracts import Inspection

CA = pki.authority()
CA_ID = id_of(CA.certificate)
DEVICE = pki.device(CA, "pump-0042", serial=0x2A)
WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - it is to be refused


def inspected(certificate: x509.Certificate | str = DEVICE, **unusual: Any) -> Inspection:
    """Inspect as AWS IoT would have it: its own hash as id, pending, at `pki.NOW`."""
    text = certificate if isinstance(certificate, str) else pki.pem(certificate)
    own_id = sha256(text) if isinstance(certificate, str) else id_of(certificate)
    usual: dict[str, Any] = {
        "certificate_id": own_id,
        "ca_certificate_id": CA_ID,
        "iot_status": "PENDING_ACTIVATION",
        "issuer": CA.certificate,
        "limits": LIMITS.certificate,
        "at": pki.NOW,
    }
    return inspect(text, **(usual | unusual))


def signed(
    private_key: Any = None,
    *,
    subject: x509.Name | None = None,
    serial: int = 7,
    not_after: datetime = pki.NOW + pki.YEAR,
    public_key: Any = None,
) -> x509.Certificate:
    """A certificate that the CA signed, with what `pki.device` does not offer."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(pki.name("pump-0042") if subject is None else subject)
        .issuer_name(CA.certificate.subject)
        .public_key(public_key or (private_key or pki.key("device")).public_key())
        .serial_number(serial)
        .not_valid_before(pki.NOW - pki.DAY)
        .not_valid_after(not_after)
    )
    return builder.sign(CA.key, hashes.SHA256())


def patched(certificate: x509.Certificate, old: bytes, new: bytes) -> str:
    """PEM of the certificate with bytes of the same length exchanged, signed again by the CA."""
    assert len(old) == len(new)
    tbs = certificate.tbs_certificate_bytes
    assert tbs.count(old) >= 1
    tbs = tbs.replace(old, new)
    assert isinstance(CA.key, ec.EllipticCurvePrivateKey)
    return der_pem(tbs, CA.key.sign(tbs, ec.ECDSA(hashes.SHA256())))


def der_pem(tbs: bytes, signature: bytes) -> str:
    def element(tag: int, content: bytes) -> bytes:
        size = len(content)
        length = bytes([size]) if size < 128 else bytes([0x82, size >> 8, size & 0xFF])
        return bytes([tag]) + length + content

    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    return armoured(element(0x30, tbs + algorithm + element(0x03, b"\x00" + signature)))


def armoured(data: bytes) -> str:
    """DER as PEM, whatever it is."""
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(data).decode()}-----END CERTIFICATE-----\n"


def test_an_ordinary_certificate_is_acceptable() -> None:
    inspection = inspected()
    assert inspection.status == "acceptable"
    facts = inspection.facts
    assert facts is not None
    assert (facts.common_name, facts.serial, facts.key) == ("pump-0042", "2a", "EC secp256r1")
    assert facts.certificate_id == id_of(DEVICE)
    assert facts.signature_algorithm == "ecdsa-with-sha256"
    assert facts.subject == "CN=pump-0042,O=Example Works"


def test_keys_are_hashed_as_the_certificates_encode_them() -> None:
    facts = inspected().facts
    assert facts is not None
    for key, digest in ((CA.key, facts.issuer_key), (pki.key("device"), facts.public_key)):
        info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert digest == hashlib.sha256(info).hexdigest()


@pytest.mark.parametrize("status", ["ACTIVE", "PENDING_ACTIVATION"])
def test_a_redriven_admission_finds_its_own_certificate_active(status: str) -> None:
    assert inspected(iot_status=status).status == "acceptable"


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED", "PENDING_TRANSFER", "REGISTER_INACTIVE"])
@pytest.mark.parametrize("certificate", [DEVICE, "rubbish"])
def test_what_somebody_else_decided_is_left_alone(status: str, certificate: x509.Certificate | str) -> None:
    """Even an unacceptable certificate: refusing it would overwrite REVOKED with INACTIVE."""
    inspection = inspected(certificate, iot_status=status)
    assert inspection.status == "not_pending"
    assert status in inspection.reason


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "0 blocks"),
        ("rubbish", "0 blocks"),
        ("-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n", "cannot be read as X.509"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read as X.509"),
        ("-----BEGIN CERTIFICATE-----\né\n-----END CERTIFICATE-----\n", "cannot be read as X.509"),
        ("-----BEGIN CERTIFICATE-----\n", "cannot be read as X.509"),
        (pki.pem(DEVICE) * 2, "2 blocks"),
        (pki.pem(DEVICE) + pki.key_pem(pki.key("device")), "PRIVATE KEY"),
        (pki.pem(DEVICE) + " " * 20_000, "expected at most 16384"),
    ],
)
def test_what_is_no_single_certificate_is_unacceptable(text: str, got: str) -> None:
    inspection = inspected(text)
    assert inspection.status == "unacceptable"
    assert got in inspection.reason
    assert inspection.facts is None
    assert inspection.pem == (text if len(text) <= 16384 else f"{text[:16383]}…")


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@example(at=39, value=3)  # the common name as a BIT STRING, which cryptography answers with TypeError
@given(at=st.integers(0, len(DEVICE.public_bytes(Encoding.DER)) - 1), value=st.integers(0, 255))
def test_no_flipped_byte_is_acceptable_or_raises(at: int, value: int) -> None:
    data = bytearray(DEVICE.public_bytes(Encoding.DER))
    if data[at] == value:
        return
    data[at] = value
    assert inspected(armoured(bytes(data)), certificate_id=id_of(DEVICE)).status == "unacceptable"


@settings(max_examples=100)
@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    assert inspected(text).status == "unacceptable"
    assert inspected(f"-----BEGIN CERTIFICATE-----{text}-----END CERTIFICATE-----").status == "unacceptable"


def unacceptable(certificate: x509.Certificate | str, **unusual: Any) -> str:
    """The reason; the facts must be there."""
    inspection = inspected(certificate, **unusual)
    assert inspection.status == "unacceptable", inspection.reason
    assert inspection.facts is not None
    return inspection.reason


def test_cA_FALSE_written_out_is_unacceptable_and_its_facts_are_read() -> None:  # noqa: N802
    """X.690 §11.5; cryptography gives up on all extensions of such a certificate."""
    ordinary = pki.device(CA, extensions=[(x509.BasicConstraints(ca=True, path_length=None), True)])
    reason = unacceptable(patched(ordinary, bytes.fromhex("30030101ff"), bytes.fromhex("3003010100")))
    assert "extensions cannot be read" in reason
    assert "cA FALSE" in reason


def test_cA_TRUE_is_unacceptable() -> None:  # noqa: N802
    """A device that could sign certificates could admit others."""
    ca = pki.device(CA, extensions=[(x509.BasicConstraints(ca=True, path_length=None), True)])
    assert "cA TRUE" in unacceptable(ca)


def test_cA_FALSE_left_out_is_acceptable() -> None:  # noqa: N802
    device = pki.device(CA, extensions=[(x509.BasicConstraints(ca=False, path_length=None), True)])
    assert inspected(device).status == "acceptable"


@pytest.mark.parametrize(
    ("key", "got"),
    [
        (lambda: WEAK, "RSA 1024"),
        (lambda: ec.generate_private_key(ec.SECP256K1()), "EC secp256k1"),
        (lambda: ec.generate_private_key(ec.SECP192R1()), "EC secp192r1"),
        (ed25519.Ed25519PrivateKey.generate, "Ed25519"),
    ],
)
def test_weak_and_unwanted_keys_are_unacceptable(key: Callable[[], Any], got: str) -> None:
    reason = unacceptable(signed(key()))
    assert got in reason
    assert "expected RSA of 2048 bits or more, or EC on secp256r1 or secp384r1 or secp521r1" in reason


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384"])
def test_the_usual_keys_are_acceptable(kind: Any) -> None:
    assert inspected(signed(pki.key("usual", kind))).status == "acceptable"


def test_an_unknown_key_type_is_unacceptable_and_its_facts_are_read() -> None:
    """The algorithm's OID is exchanged for one that nobody knows."""
    reason = unacceptable(patched(DEVICE, bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0277")))
    assert "its public key cannot be read" in reason
    assert "algorithm 1.2.840.10045.2.119" in reason


def test_an_unknown_curve_is_unacceptable_and_its_facts_are_read() -> None:
    reason = unacceptable(patched(DEVICE, bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f")))
    assert "its public key cannot be read" in reason


def test_sha1_is_unacceptable() -> None:
    ca = pki.authority("RSA CA", private_key=pki.key("RSA CA", "rsa2048"))
    builder = (
        x509.CertificateBuilder()
        .subject_name(pki.name("pump-0042"))
        .issuer_name(ca.certificate.subject)
        .public_key(pki.key("device").public_key())
        .serial_number(7)
        .not_valid_before(pki.NOW - pki.DAY)
        .not_valid_after(pki.NOW + pki.YEAR)
    )
    strong = builder.sign(ca.key, hashes.SHA256())
    # cryptography signs no SHA-1 any more, so the algorithm is exchanged; the signature then fails as well.
    sha256_with_rsa, sha1_with_rsa = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    data = strong.public_bytes(Encoding.DER).replace(sha256_with_rsa, sha1_with_rsa)
    reason = unacceptable(armoured(data), issuer=ca.certificate)
    assert "it is signed with rsa-with-sha1; expected SHA-256 or stronger" in reason


def test_expired_and_not_yet_valid_are_unacceptable() -> None:
    assert "it expired at" in unacceptable(DEVICE, at=DEVICE.not_valid_after_utc + timedelta(seconds=1))
    assert "it is not valid before" in unacceptable(DEVICE, at=DEVICE.not_valid_before_utc - timedelta(seconds=1))


def test_the_first_and_the_last_second_are_valid() -> None:
    """RFC 5280 §4.1.2.5: the period is inclusive."""
    assert inspected(at=DEVICE.not_valid_after_utc).status == "acceptable"
    assert inspected(at=DEVICE.not_valid_before_utc).status == "acceptable"


def test_a_hundred_years_are_unacceptable() -> None:
    reason = unacceptable(signed(not_after=pki.NOW + 100 * pki.YEAR))
    assert "it is valid for 36501 days; expected at most 3660" in reason


def test_no_end_is_unacceptable() -> None:
    """RFC 5280 §4.1.2.5: 99991231235959Z stands for a certificate without a well-defined end."""
    assert "expected at most 3660" in unacceptable(
        signed(not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=pki.NOW.tzinfo))
    )


NASTY = [
    '"quoted", with\nnewlines\r\n',
    "<script>alert(1)</script>",
    "🤖 emoji",
    "name\x00nul",
    "\u202eevil",
    "#+,;<>\\=",
]


@pytest.mark.parametrize("common_name", NASTY)
def test_a_subject_may_hold_anything(common_name: str) -> None:
    inspection = inspected(pki.device(CA, common_name))
    assert inspection.status == "acceptable"
    assert inspection.facts is not None
    assert inspection.facts.common_name == common_name


def test_a_subject_of_4_KB_is_unacceptable_and_passed_on_shortened() -> None:  # noqa: N802
    units = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "x" * 64) for _ in range(64)]
    subject = x509.Name([*units, x509.NameAttribute(NameOID.COMMON_NAME, "pump-0042")])
    inspection = inspected(pki.device(CA, subject=subject))
    assert inspection.status == "unacceptable"
    assert "its subject has 4364 characters; expected at most 1024" in inspection.reason
    assert inspection.facts is not None
    assert len(inspection.facts.subject) == 1024


@pytest.mark.filterwarnings("ignore:Attribute's length")
def test_a_long_common_name_is_no_name() -> None:
    """cryptography's builder refuses more than 64 characters, but reads them: as a device would send them."""
    long = signed(subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x" * 2000, _validate=False)]))
    inspection = inspected(long)
    assert inspection.status == "unacceptable"
    assert inspection.facts is not None
    assert inspection.facts.common_name is None


def test_of_two_common_names_none_counts() -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one) for one in ("pump-0042", "pump-0043")])
    facts = inspected(pki.device(CA, subject=subject)).facts
    assert facts is not None
    assert facts.common_name is None


def test_no_subject_is_no_name() -> None:
    facts = inspected(signed(subject=x509.Name([]))).facts
    assert facts is not None
    assert (facts.subject, facts.common_name) == ("", None)


def test_a_certificate_of_another_key_is_unacceptable() -> None:
    """The same name, another key: the signature decides, not the name."""
    impostor = pki.authority(private_key=pki.key("impostor"))
    assert "it is not signed by the CA's key" in unacceptable(pki.device(impostor))


def test_a_certificate_of_another_issuer_is_unacceptable() -> None:
    assert "cannot be verified" in unacceptable(pki.device(pki.authority("Other CA")))


def test_another_certificate_than_the_one_named_is_unacceptable() -> None:
    reason = unacceptable(DEVICE, certificate_id=sha256("another"))
    assert f"its SHA-256 is {id_of(DEVICE)}; expected {sha256('another')}" in reason


def test_another_ca_than_the_one_named_is_unacceptable() -> None:
    assert "AWS IoT has it under the CA" in unacceptable(DEVICE, registered_under=sha256("other CA"))
    assert inspected(registered_under=CA_ID).status == "acceptable"


def test_an_unknown_critical_extension_is_unacceptable() -> None:
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    assert "critical extension 1.3.6.1.4.1.99999.1" in unacceptable(pki.device(CA, extensions=[(unknown, True)]))
    assert inspected(pki.device(CA, extensions=[(unknown, False)])).status == "acceptable"


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_negative_serial_is_unacceptable() -> None:
    negative = patched(DEVICE, bytes.fromhex("02012a"), bytes.fromhex("0201ff"))
    reason = unacceptable(negative)
    assert "its serial number is negative; expected a positive one" in reason


def test_serials_are_written_without_zeros_or_sign() -> None:
    facts = inspected(pki.device(CA, serial=0x80FF)).facts
    assert facts is not None
    assert facts.serial == "80ff"


def test_every_problem_is_named_at_once() -> None:
    weak = signed(WEAK, not_after=pki.NOW + 100 * pki.YEAR)
    reason = unacceptable(weak, at=pki.NOW - 2 * pki.DAY)
    assert all(part in reason for part in ("RSA 1024", "not valid before", "36501 days"))
