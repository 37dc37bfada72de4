"""Signatures: what must not verify, and that other people's tools agree about what does."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.jwk import ECKey

from tests import pki, records
from workflows.canonical import canonical
from workflows.evidence import jws
from workflows.evidence.errors import EvidenceInvalid

KEYS = records.keys()


def parts(data: bytes) -> Any:
    return json.loads(data)


def test_another_library_verifies_the_file_and_reads_the_record() -> None:
    made = records.admission()
    key = ECKey.import_key(records.public_pem())
    result = joserfc_jws.deserialize_json(parts(records.sealed(made)), key, algorithms=["ES256"])
    assert json.loads(result.payload) == json.loads(canonical(made))
    assert key.thumbprint() == result.headers()["kid"]


def test_every_byte_of_the_payload_is_bound() -> None:
    """One bit of one byte of a record changed: every position is tried."""
    sealed = records.sealed({"a": "record", "of": ["a", "few", "bytes"]})
    payload = jws.parse(sealed)[1]
    for position in range(len(payload)):
        forged = bytes(byte ^ (1 if at == position else 0) for at, byte in enumerate(payload))
        with pytest.raises(EvidenceInvalid, match="is not valid"):
            jws.opened(records.resealed(sealed, forged), kind=jws.RECORD, keys=KEYS)


@given(st.integers(min_value=0, max_value=4000), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_of_the_file_never_verifies(position: int, change: int) -> None:
    """Not even one of the white space between the members: a file has one form."""
    data = records.sealed(records.admission())
    at = position % len(data)
    forged = data[:at] + bytes([data[at] ^ change]) + data[at + 1 :]
    with pytest.raises(EvidenceInvalid):
        jws.opened(forged, kind=jws.RECORD, keys=KEYS)


def reheaded(**header: Any) -> bytes:
    """A file whose header was changed and signed again with the right key: only the header's meaning is wrong."""
    usual = {"alg": "ES256", "typ": jws.RECORD, "kid": jws.thumbprint(records.signing_key().public_key()), "jku": "x"}
    return jws.seal(b"{}", protected_header=jws.encode(canonical(usual | header)), sign=records.signer())


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "ES384", "es256", "RS256"])
def test_no_other_algorithm_is_taken(alg: str) -> None:
    """RFC 8725 section 3.1."""
    with pytest.raises(EvidenceInvalid, match="expected 'gatehouse-record"):
        jws.opened(reheaded(alg=alg), kind=jws.RECORD, keys=KEYS)


@pytest.mark.parametrize("extra", ["jwk", "x5c", "crit", "b64", "x5u"])
def test_a_header_cannot_bring_its_own_key_or_rules(extra: str) -> None:
    with pytest.raises(EvidenceInvalid, match="unknown field"):
        jws.opened(reheaded(**{extra: True}), kind=jws.RECORD, keys=KEYS)


def test_a_signature_on_one_kind_of_thing_counts_for_no_other() -> None:
    with pytest.raises(EvidenceInvalid, match="gatehouse-vote"):
        jws.opened(records.sealed({}, kind=jws.VOTE), kind=jws.RECORD, keys=KEYS)


def test_a_signature_by_another_key() -> None:
    with pytest.raises(EvidenceInvalid, match="not among those trusted"):
        jws.opened(records.sealed({}, label="mallory"), kind=jws.RECORD, keys=KEYS)


def test_a_signature_by_another_key_under_our_name() -> None:
    forged = jws.seal(b"{}", protected_header=records.header(jws.RECORD), sign=records.signer("mallory"))
    with pytest.raises(EvidenceInvalid, match="is not valid"):
        jws.opened(forged, kind=jws.RECORD, keys=KEYS)


def test_an_older_key_still_verifies_what_it_signed() -> None:
    assert jws.opened(records.sealed({}, label="old"), kind=jws.RECORD, keys=records.keys("new", "old")) == b"{}"


@pytest.mark.parametrize("signature", [b"", b"\x00" * 64, b"\x01" * 64, b"\x01" * 63, b"\x01" * 65], ids=len)
def test_a_signature_of_the_wrong_shape(signature: bytes) -> None:
    forged = jws.seal(b"{}", protected_header=records.header(jws.RECORD), sign=lambda _: signature)
    with pytest.raises(EvidenceInvalid, match="is not valid"):
        jws.opened(forged, kind=jws.RECORD, keys=KEYS)


def test_a_signature_has_one_length() -> None:
    """An s that is padded to 33 bytes is the same number, and another file."""
    sign = records.signer()

    def padded(data: bytes) -> bytes:
        raw = sign(data)
        return raw[:32] + b"\x00" + raw[32:]

    forged = jws.seal(b"{}", protected_header=records.header(jws.RECORD), sign=padded)
    with pytest.raises(EvidenceInvalid, match="is not valid"):
        jws.opened(forged, kind=jws.RECORD, keys=KEYS)


def test_base64url_has_one_form_only() -> None:
    """The last character of a 64-byte value has unused bits: setting them gives another text for the same bytes."""
    assert jws.decode("AA") == b"\x00"
    for other in ("AB", "AA==", "A A", "A+", "A"):
        with pytest.raises(ValueError, match=r"."):
            jws.decode(other)


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"{}", b"<html>", b"\xff\xfe", b'{"payload":"*","protected":"","signature":""}']
)
def test_what_is_no_sealed_file_is_said_so(data: bytes) -> None:
    with pytest.raises(EvidenceInvalid, match="Not a sealed file"):
        jws.parse(data)


def test_only_p256_keys_are_read() -> None:
    for key in (pki.key("x", "p384"), pki.key("x", "rsa2048"), pki.key("x", "ed25519")):
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(EvidenceInvalid, match="secp256r1"):
            jws.read_key(pem)
    with pytest.raises(EvidenceInvalid, match="Not a public key"):
        jws.read_key(base64.b64encode(b"rubbish"))
