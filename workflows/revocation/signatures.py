"""Check signatures over slices of bytes (RFC 5280 §4.1.1.2 and §5.1.1.2, RFC 4055, RFC 5758, RFC 8410).

``cryptography`` does the calculation. This module decides which algorithms count: SHA-1, MD5 and DSA do not.
"""

import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from workflows import der
from workflows.der import DerError, Reader

_HASHES: Final = {
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
_RSA: Final = {
    bytes.fromhex("2a864886f70d01010b"): "sha256",
    bytes.fromhex("2a864886f70d01010c"): "sha384",
    bytes.fromhex("2a864886f70d01010d"): "sha512",
}
_ECDSA: Final = {
    bytes.fromhex("2a8648ce3d040302"): "sha256",
    bytes.fromhex("2a8648ce3d040303"): "sha384",
    bytes.fromhex("2a8648ce3d040304"): "sha512",
}
_PSS: Final = bytes.fromhex("2a864886f70d01010a")
_MGF1: Final = bytes.fromhex("2a864886f70d010108")
_ED25519: Final = bytes.fromhex("2b6570")
_ED448: Final = bytes.fromhex("2b6571")


class SignatureError(Exception):
    """The signature does not count. The message says why."""


def check_signature(
    key: CertificatePublicKeyTypes, algorithm: bytes, signature: bytes, signed: bytes | memoryview
) -> None:
    """Returns if ``signature`` is the signature of ``key`` over ``signed``; raises :class:`SignatureError` otherwise.

    ``algorithm`` is the AlgorithmIdentifier's DER. A million-entry list is passed as a memoryview and hashed in place.
    """
    try:
        outer = Reader(algorithm)
        identifier = outer.take(der.SEQUENCE, "the signature algorithm")
        outer.finish("the signature algorithm")
        oid = identifier.oid("the signature algorithm")
        if oid in _RSA and isinstance(key, rsa.RSAPublicKey):
            _null_or_absent(identifier)
            digest = _hash(_RSA[oid])
            key.verify(signature, _digest(_RSA[oid], signed), padding.PKCS1v15(), Prehashed(digest))
        elif oid == _PSS and isinstance(key, rsa.RSAPublicKey):
            name, mask_name, salt = _pss_parameters(identifier)
            scheme = padding.PSS(mgf=padding.MGF1(_hash(mask_name)), salt_length=salt)
            key.verify(signature, _digest(name, signed), scheme, Prehashed(_hash(name)))
        elif oid in _ECDSA and isinstance(key, ec.EllipticCurvePublicKey):
            identifier.finish("the ECDSA algorithm")
            key.verify(signature, _digest(_ECDSA[oid], signed), ec.ECDSA(Prehashed(_hash(_ECDSA[oid]))))
        elif (oid == _ED25519 and isinstance(key, ed25519.Ed25519PublicKey)) or (
            oid == _ED448 and isinstance(key, ed448.Ed448PublicKey)
        ):
            identifier.finish("the EdDSA algorithm")
            key.verify(signature, signed)
        else:
            raise SignatureError(f"algorithm {der.dotted(oid)} does not count with a {_kind(key)} key")
    except InvalidSignature as error:
        raise SignatureError("the signature is not this key's") from error
    except DerError as error:
        raise SignatureError(str(error)) from error
    except (UnsupportedAlgorithm, ValueError) as error:
        raise SignatureError(f"the signature cannot be checked: {error}") from error


def _digest(name: str, signed: bytes | memoryview) -> bytes:
    return hashlib.new(name, signed).digest()


def _hash(name: str) -> hashes.HashAlgorithm:
    match name:
        case "sha256":
            return hashes.SHA256()
        case "sha384":
            return hashes.SHA384()
        case _:
            return hashes.SHA512()


def _kind(key: object) -> str:
    return type(key).__name__.removesuffix("PublicKey")


def _null_or_absent(parameters: Reader) -> None:
    """RFC 4055 §5: writers use NULL, and readers accept its absence too."""
    if parameters:
        parameters.take(der.NULL, "the algorithm's parameters").finish("the algorithm's NULL")
    parameters.finish("the algorithm's parameters")


def _pss_parameters(identifier: Reader) -> tuple[str, str, int]:
    """Hash, mask hash and salt length of RSASSA-PSS-params (RFC 4055 §3.1). The defaults are SHA-1, so none is accepted."""
    parameters = identifier.take(der.SEQUENCE, "the PSS parameters")
    identifier.finish("the PSS algorithm")
    outer = parameters.take(0xA0, "the PSS hash (its default, SHA-1, does not count)")
    name = _pss_hash(outer)
    outer.finish("the PSS hash")
    outer = parameters.take(0xA1, "the PSS mask (its default, SHA-1, does not count)")
    mask = outer.take(der.SEQUENCE, "the PSS mask")
    outer.finish("the PSS mask")
    if mask.oid("the PSS mask") != _MGF1:
        raise DerError("the PSS mask is not MGF1")
    mask_name = _pss_hash(mask)
    mask.finish("the PSS mask")
    salt = 20
    if parameters.next_is(0xA2):
        outer = parameters.take(0xA2, "the PSS salt length")
        salt = int.from_bytes(outer.integer("the PSS salt length"), "big", signed=True)
        outer.finish("the PSS salt length")
    parameters.finish("the PSS parameters")  # the only allowed trailerField is the default
    if not 0 <= salt <= 64:
        raise DerError("the PSS salt length is out of range")
    return name, mask_name, salt


def _pss_hash(outer: Reader) -> str:
    identifier = outer.take(der.SEQUENCE, "the PSS hash")
    oid = identifier.oid("the PSS hash")
    _null_or_absent(identifier)
    if oid not in _HASHES:
        raise DerError(f"hash {der.dotted(oid)} does not count")
    return _HASHES[oid]
