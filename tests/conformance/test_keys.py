"""Whose signature it is: names, keys, key usage, algorithms (RFC 5280 6.3.3 (b)(1), (f), (g))."""

from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests import pki
from tests.conformance.conftest import SERIAL, Expect, ca, device
from tests.crl_der import (
    AUTHORITY_KEY_IDENTIFIER,
    SEQUENCE,
    craft,
    entry,
    extension,
    integer,
    key_identifier,
    number,
    oid,
    tlv,
)
from workflows.revocation.lists import read_list
from workflows.revocation.verdict import Status

NAME = "RFC 5280 6.3.3(b)(1)"
SIGNATURE = "RFC 5280 6.3.3(g)"


@cache
def namesake() -> pki.Authority:
    """Another key under the CA's very name."""
    return pki.authority("Conformance CA", private_key=pki.key("namesake"))


@cache
def rsa_ca() -> pki.Authority:
    return pki.authority("RSA CA", private_key=pki.key("rsa", "rsa2048"))


def test_two_keys_under_one_name(expect: Expect) -> None:
    """A list by the other key says nothing about this one's certificates, whatever it lists."""
    for one in (craft(namesake()), craft(namesake(), entry(SERIAL))):
        expect("unknown", one, clause=SIGNATURE)
    expect("good", craft(namesake(), entry(SERIAL)), craft(ca()), clause=SIGNATURE)
    expect("revoked", craft(namesake()), craft(ca(), entry(SERIAL)), clause=SIGNATURE)


def test_two_keys_under_one_name_and_no_identifiers(expect: Expect) -> None:
    """Without AKI and SKI only the signature tells the keys apart, and does."""
    plain = pki.authority("Plain CA", key_identifier=False)
    other = pki.authority("Plain CA", private_key=pki.key("other"), key_identifier=False)
    one = pki.device(plain, serial=SERIAL, authority_key_identifier=False)
    expect("good", craft(plain, extensions=[number()]), certificate=one, issuer=plain.certificate)
    expect("unknown", craft(other, extensions=[number()]), certificate=one, issuer=plain.certificate, clause=SIGNATURE)


def test_issuer_given_is_the_namesake(expect: Expect) -> None:
    """The certificate was not signed by the key that is given as its issuer's, though the name is right."""
    verdict = expect("unknown", craft(namesake()), issuer=namesake().certificate)
    assert "signed" in verdict.reason


def test_key_identifier_of_another_key(expect: Expect) -> None:
    """RFC 5280 5.2.1: signed by the right key, and naming another: a contradiction."""
    expect("unknown", craft(ca(), extensions=[key_identifier(namesake()), number()]), clause="RFC 5280 5.2.1")


def test_key_identifier_by_name_and_serial(expect: Expect) -> None:
    """RFC 5280 4.2.1.1: a renewed CA certificate has another serial; the key is the same, and has signed."""
    value = x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(ca().certificate.subject)], 12345).public_bytes()
    expect("good", craft(ca(), extensions=[extension(AUTHORITY_KEY_IDENTIFIER, value), number()]))


def test_key_identifier_missing(expect: Expect) -> None:
    """RFC 5280 5.2.1 asks for it; the signature shows the key all the same."""
    expect("good", craft(ca(), extensions=[number()]))


def test_another_issuers_list(expect: Expect) -> None:
    """RFC 5280 6.3.3 (b)(1): another name and key."""
    expect("unknown", craft(pki.authority("Other CA"), entry(SERIAL)), clause=NAME)


@pytest.mark.parametrize("name", ["Conformance ca", "Conformance CA ", "Conformance  CA", "Conformance"])
def test_our_key_under_another_name(name: str, expect: Expect) -> None:
    """RFC 5280 6.3.3 (b)(1): one key can serve two CAs; the list is the other's."""
    expect("unknown", craft(ca(), name=pki.name(name).public_bytes()), clause=NAME)


def test_empty_issuer_name(expect: Expect) -> None:
    """RFC 5280 5.1.2.3: the issuer's name is not empty."""
    expect("unknown", craft(ca(), name=b"\x30\x00"), clause=NAME)


def test_signature_by_the_device(expect: Expect) -> None:
    """A device that signs itself a clean list under its CA's name."""
    key = pki.key("device")
    expect("unknown", craft(ca(), signer=key), clause=SIGNATURE)


def test_signature_of_another_list(expect: Expect) -> None:
    """RFC 5280 6.3.3 (g): a signature that was made over something else."""
    listed = craft(ca(), entry(SERIAL))
    signature = listed[listed.rindex(b"\x03", 0, len(listed) - 64) + 3 :]
    expect("unknown", craft(ca(), signature=signature), clause=SIGNATURE)


@pytest.mark.parametrize("signature", [bytes(64), b"\x30\x06\x02\x01\x00\x02\x01\x00", b"\x00", b"\x30\x00"])
def test_signature_that_is_none(signature: bytes, expect: Expect) -> None:
    """RFC 5280 6.3.3 (g), and no traceback."""
    expect("unknown", craft(ca(), signature=signature), clause=SIGNATURE)


def test_issuer_may_not_sign_lists(expect: Expect) -> None:
    """RFC 5280 6.3.3 (f): if there is a key usage, it has cRLSign."""
    issuer = pki.authority("Certificates only", usage=pki.key_usage(key_cert_sign=True))
    one = pki.device(issuer, serial=SERIAL)
    expect("unknown", craft(issuer), certificate=one, issuer=issuer.certificate, clause="RFC 5280 6.3.3(f)")


def test_issuer_without_key_usage(expect: Expect) -> None:
    """RFC 5280 6.3.3 (f): without a key usage nothing is ruled out."""
    issuer = pki.authority("No usage", usage=None)
    one = pki.device(issuer, serial=SERIAL)
    expect("good", craft(issuer), certificate=one, issuer=issuer.certificate)


def test_issuer_may_not_issue(expect: Expect) -> None:
    """RFC 5280 6.1.4 (n): a key that is for lists only issues no certificates."""
    issuer = pki.authority("Lists only", usage=pki.key_usage(crl_sign=True))
    one = pki.device(issuer, serial=SERIAL)
    expect("unknown", craft(issuer), certificate=one, issuer=issuer.certificate)


def test_issuer_is_a_device(expect: Expect) -> None:
    """RFC 5280 6.1.4 (k): a device's certificate issues nothing, with or without key usage."""
    fake = pki.Authority(pki.key("device"), device())
    one = pki.device(fake, serial=SERIAL)
    expect("unknown", craft(fake), certificate=one, issuer=fake.certificate)


def test_renewed_issuer(expect: Expect) -> None:
    """Another certificate for the same name and key: its list serves the certificates of both."""
    renewed = pki.authority("Conformance CA", private_key=ca().key)
    expect("good", craft(renewed), issuer=ca().certificate)
    expect("revoked", craft(ca(), entry(SERIAL)), issuer=renewed.certificate)


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa2048", "ed25519"])
def test_every_kind_of_key(kind: str, expect: Expect) -> None:
    """RFC 5758, RFC 4055, RFC 8410."""
    match kind:
        case "p384":
            key = pki.key("kind", "p384")
        case "rsa2048":
            key = pki.key("kind", "rsa2048")
        case "ed25519":
            key = pki.key("kind", "ed25519")
        case _:
            key = pki.key("kind")
    issuer = pki.authority(f"CA {kind}", private_key=key)
    one = pki.device(issuer, serial=SERIAL)
    expect("good", craft(issuer), certificate=one, issuer=issuer.certificate)
    expect("revoked", craft(issuer, entry(SERIAL)), certificate=one, issuer=issuer.certificate)


def resigned(
    issuer: pki.Authority, algorithm: bytes, digest: hashes.HashAlgorithm, scheme: padding.AsymmetricPadding | None
) -> bytes:
    """A correct list with another algorithm named, and really used."""
    unsigned = craft(issuer, inner_algorithm=algorithm, outer_algorithm=algorithm, signature=b"\0")
    begin, end = read_list(unsigned).signed
    tbs = unsigned[begin:end]
    if isinstance(issuer.key, rsa.RSAPrivateKey):
        assert scheme is not None
        signature = issuer.key.sign(tbs, scheme, digest)
    else:
        assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
        signature = issuer.key.sign(tbs, ec.ECDSA(digest))
    return craft(issuer, inner_algorithm=algorithm, outer_algorithm=algorithm, signature=signature)


SHA1_RSA = tlv(SEQUENCE, oid("2a864886f70d010105"), b"\x05\x00")
SHA1_ECDSA = tlv(SEQUENCE, oid("2a8648ce3d0401"))
SHA512_ECDSA = tlv(SEQUENCE, oid("2a8648ce3d040304"))
MD5_RSA = tlv(SEQUENCE, oid("2a864886f70d010104"), b"\x05\x00")
SHA256_RSA_BARE = tlv(SEQUENCE, oid("2a864886f70d01010b"))


def ask_rsa(expect: Expect, expected: Status, one: bytes, clause: str | None = None) -> None:
    certificate = pki.device(rsa_ca(), serial=SERIAL)
    expect(expected, one, certificate=certificate, issuer=rsa_ca().certificate, clause=clause)


def test_sha1_and_md5(expect: Expect) -> None:
    """Signatures over SHA-1 or MD5 do not count, though they verify."""
    pkcs1 = padding.PKCS1v15()
    ask_rsa(expect, "unknown", resigned(rsa_ca(), SHA1_RSA, hashes.SHA1(), pkcs1), SIGNATURE)  # noqa: S303
    ask_rsa(expect, "unknown", resigned(rsa_ca(), MD5_RSA, hashes.MD5(), pkcs1), SIGNATURE)  # noqa: S303
    expect("unknown", resigned(ca(), SHA1_ECDSA, hashes.SHA1(), None), clause=SIGNATURE)  # noqa: S303


def test_other_hashes_and_absent_parameters(expect: Expect) -> None:
    """SHA-512 counts with any curve; RFC 4055 5: RSA's NULL may be absent."""
    expect("good", resigned(ca(), SHA512_ECDSA, hashes.SHA512(), None))
    ask_rsa(expect, "good", resigned(rsa_ca(), SHA256_RSA_BARE, hashes.SHA256(), padding.PKCS1v15()))


def pss(hash_name: str, mask: str, salt: int | None) -> bytes:
    digest = tlv(SEQUENCE, oid(hash_name), b"\x05\x00")
    generator = tlv(SEQUENCE, oid("2a864886f70d010108"), tlv(SEQUENCE, oid(mask), b"\x05\x00"))
    length = b"" if salt is None else tlv(0xA2, integer(salt))
    return tlv(SEQUENCE, oid("2a864886f70d01010a"), tlv(SEQUENCE, tlv(0xA0, digest), tlv(0xA1, generator), length))


SHA256, SHA384, SHA1 = "608648016503040201", "608648016503040202", "2b0e03021a"


def test_pss(expect: Expect) -> None:
    """RFC 4055 3.1: RSASSA-PSS with its parameters as written, its SHA-1 defaults refused."""
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    ask_rsa(expect, "good", resigned(rsa_ca(), pss(SHA256, SHA256, 32), hashes.SHA256(), scheme))
    ask_rsa(expect, "unknown", resigned(rsa_ca(), pss(SHA256, SHA256, 20), hashes.SHA256(), scheme), SIGNATURE)
    ask_rsa(expect, "unknown", resigned(rsa_ca(), pss(SHA384, SHA256, 32), hashes.SHA256(), scheme), SIGNATURE)
    ask_rsa(expect, "unknown", resigned(rsa_ca(), pss(SHA256, SHA1, 32), hashes.SHA256(), scheme), SIGNATURE)
    ask_rsa(expect, "unknown", resigned(rsa_ca(), pss(SHA1, SHA256, 32), hashes.SHA256(), scheme), SIGNATURE)
    bare = tlv(SEQUENCE, oid("2a864886f70d01010a"), tlv(SEQUENCE))
    ask_rsa(expect, "unknown", resigned(rsa_ca(), bare, hashes.SHA256(), scheme), SIGNATURE)


def test_algorithm_of_another_kind_of_key(expect: Expect) -> None:
    """An RSA algorithm named over an elliptic-curve key, and the other way round."""
    expect("unknown", craft(ca(), inner_algorithm=SHA1_RSA, outer_algorithm=SHA1_RSA), clause=SIGNATURE)
    rsa_named = tlv(SEQUENCE, oid("2a864886f70d01010b"), b"\x05\x00")
    expect("unknown", craft(ca(), inner_algorithm=rsa_named, outer_algorithm=rsa_named), clause=SIGNATURE)
    ask_rsa(expect, "unknown", craft(rsa_ca(), inner_algorithm=SHA512_ECDSA, outer_algorithm=SHA512_ECDSA), SIGNATURE)
