"""Sealing bytes: JWS (RFC 7515) in the flattened JSON serialisation, ES256 (RFC 7518 section 3.4).

The file holds the payload once, base64url-encoded, and a reader sees only what was decoded from it: a readable copy beside it
could differ from what was signed. The signing function is a parameter, since the private key never leaves AWS KMS.
"""

import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from msgspec import Struct

from workflows import stored
from workflows.canonical import canonical
from workflows.evidence.errors import EvidenceInvalid

Sign = Callable[[bytes], bytes]
"""Signs a JWS signing input. Returns 64 bytes, r then s (RFC 7518)."""

RECORD = "gatehouse-record+json"
MANIFEST = "gatehouse-manifest+json"
VOTE = "gatehouse-vote+json"
"""The header's `typ` (RFC 8725 section 3.11), so that a signature on one kind of file does not count for another."""

MAX_OCTETS = 256 * 2**20
"""The largest sealed file. A manifest needs about 270 octets for each file of its day."""

_COORDINATE = 32
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n of P-256 (FIPS 186-5, NIST SP 800-186 section 3.2.1.3)."""
_TO_URL = bytes.maketrans(b"+/-_", b"-_+/")
"""Replaces base64's two special characters by those of base64url, and back."""
_P256 = ec.ECDSA(hashes.SHA256())
_FILE = '{{\n "payload": "{}",\n "protected": "{}",\n "signature": "{}"\n}}\n'
"""One member a line, so that ``sed`` and ``openssl`` are enough to check it."""
_BEFORE = [text.encode() for text in _FILE.format("|", "|", "|").split("|")]
"""The text before each member's value, and after the last one. No value contains a quotation mark."""
_EXPECTED = "Expected a JWS with payload, protected and signature, once each, in the form in which it was sealed."


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The protected header. `jku` says where the public key is published. It is never used to decide which key to trust."""

    alg: str
    typ: str
    kid: str
    jku: str


class Sealed(NamedTuple):
    """RFC 7515 section 7.2.2."""

    payload: str
    protected: str
    signature: str


class Keys(Mapping[str, ec.EllipticCurvePublicKey]):
    """The public keys a verifier trusts, by their JWK thumbprint, which is what `kid` holds.

    `votes` count for votes only: the function that signs votes serves browsers, and must not be able to seal a record.
    The other keys count for votes too, since they signed votes before votes had their own key.
    """

    def __init__(self, *keys: ec.EllipticCurvePublicKey, votes: Iterable[ec.EllipticCurvePublicKey] = ()) -> None:
        self._keys = {thumbprint(key): key for key in keys}
        self.of_votes = {thumbprint(key): key for key in votes}

    @property
    def for_votes(self) -> dict[str, ec.EllipticCurvePublicKey]:
        return self._keys | self.of_votes

    def __getitem__(self, kid: str) -> ec.EllipticCurvePublicKey:
        return self._keys[kid]

    def __iter__(self) -> Any:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def encode(data: bytes) -> str:
    """base64url without padding (RFC 7515 appendix C)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The reverse of `encode`. It accepts exactly one text for each value. Raises `ValueError`."""
    data = _decode(text)
    if encode(data) != text:
        raise ValueError("not in the form of base64url that RFC 7515 appendix C requires")
    return data


def _decode(text: str) -> bytes:
    """msgspec's decoder needs half the time of binascii's. Raises `ValueError`."""
    usual = text.encode("ascii").translate(_TO_URL) + b"=" * (-len(text) % 4)
    return msgspec.json.decode(b'"' + usual + b'"', type=bytes)


def jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The required members of the key's JWK (RFC 7518 section 6.2.1)."""
    if not isinstance(key.curve, ec.SECP256R1):
        raise EvidenceInvalid("key", f"The key is on {key.curve.name}; evidence is signed with ES256 on secp256r1.")
    numbers = key.public_numbers()
    x, y = (encode(number.to_bytes(_COORDINATE, "big")) for number in (numbers.x, numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def thumbprint(key: ec.EllipticCurvePublicKey) -> str:
    """The key's JWK thumbprint (RFC 7638), which is calculated from the key, so that no table of key ids is needed."""
    return encode(hashlib.sha256(canonical(jwk(key))).digest())


def read_key(data: bytes) -> ec.EllipticCurvePublicKey:
    """A public key in PEM or DER (SubjectPublicKeyInfo). Raises `EvidenceInvalid`."""
    try:
        load = serialization.load_pem_public_key if b"-----BEGIN" in data else serialization.load_der_public_key
        key = load(data)
    except ValueError as error:
        raise EvidenceInvalid("key", f"Not a public key in PEM or DER: {error}.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise EvidenceInvalid("key", f"Got a {type(key).__name__}; evidence is signed with ES256 on secp256r1.")
    jwk(key)
    return key


def read_keys(data: bytes) -> list[ec.EllipticCurvePublicKey]:
    """One or several public keys in PEM. Raises `EvidenceInvalid`."""
    blocks = re.findall(rb"-----BEGIN.*?-----END[^\n]*", data, re.DOTALL)
    return [read_key(block) for block in blocks or [data]]


def protected(kind: str, kid: str, jku: str) -> str:
    """The encoded protected header for a file of `typ` `kind`."""
    return encode(canonical(Header(alg="ES256", typ=kind, kid=kid, jku=jku)))


def signing_input(protected_header: str, payload: bytes) -> bytes:
    """RFC 7515 section 5.1, step 8."""
    return f"{protected_header}.{encode(payload)}".encode("ascii")


def seal(payload: bytes, *, protected_header: str, sign: Sign) -> bytes:
    """The sealed file of `payload`, in the only form that `parse` reads."""
    signature = encode(sign(signing_input(protected_header, payload)))
    return _FILE.format(encode(payload), protected_header, signature).encode()


def one_form(der: bytes) -> bytes:
    """A signature in DER, as KMS returns it, as 64 bytes: r, then the lower of s and n - s.

    Both values verify (SEC 1 section 4.1.4). Without this rule, anybody could make a second file of a record that also verifies.
    """
    r, s = decode_dss_signature(der)
    return r.to_bytes(_COORDINATE, "big") + min(s, _ORDER - s).to_bytes(_COORDINATE, "big")


def parse(data: bytes) -> tuple[Sealed, bytes]:
    """The file's parts and its payload, not verified. Raises `EvidenceInvalid`, also for another form of the same file."""
    rest, values = data if len(data) <= MAX_OCTETS else b"", []
    for before in _BEFORE[:-1]:
        if not rest.startswith(before):
            raise EvidenceInvalid("format", f"Not a sealed file of at most {MAX_OCTETS:,} octets. {_EXPECTED}")
        end = rest.find(b'"', len(before))
        values.append(rest[len(before) : end])
        rest = rest[end:]
    if rest != _BEFORE[-1]:
        raise EvidenceInvalid("format", f"Not a sealed file: there is more after the signature. {_EXPECTED}")
    try:
        sealed = Sealed(*(value.decode("ascii") for value in values))
        return sealed, _decode(sealed.payload)  # the signature covers its text, so another form does not verify
    except ValueError as error:
        raise EvidenceInvalid("format", f"Not a sealed file: {error}. {_EXPECTED}") from error


def opened(data: bytes, *, kind: str, keys: Mapping[str, ec.EllipticCurvePublicKey]) -> bytes:
    """The payload of a sealed file of `typ` `kind`, if its signature is valid. Raises `EvidenceInvalid`."""
    sealed, payload = parse(data)
    check(sealed.protected, f"{sealed.protected}.{sealed.payload}".encode(), sealed.signature, kind=kind, keys=keys)
    return payload


def check(
    protected_header: str, signed: bytes, signature: str, *, kind: str, keys: Mapping[str, ec.EllipticCurvePublicKey]
) -> None:
    """Check one signature. Raises `EvidenceInvalid`. The header cannot choose another algorithm or supply a key."""
    try:
        header, raw = _header(protected_header), decode(signature)
    except ValueError as error:
        raise EvidenceInvalid("signature", f"The signature's header or value cannot be read: {error}.") from error
    if header.alg != "ES256" or header.typ != kind:
        raise EvidenceInvalid(
            "signature", f"Signed as {header.typ!r} with {header.alg!r}; expected {kind!r} with 'ES256'."
        )
    key = keys.get(header.kid)
    if key is None:
        known = ", ".join(keys) or "none"
        raise EvidenceInvalid("key", f"Signed by the key {header.kid}, which is not among those trusted: {known}.")
    if len(raw) == 2 * _COORDINATE and int.from_bytes(raw[_COORDINATE:], "big") > _ORDER // 2:
        raise EvidenceInvalid(
            "signature", "The signature is the second form (r, n - s) of another: Gatehouse seals with the first form."
        )
    if not _holds(key, signed, raw):
        raise EvidenceInvalid(
            "signature", "The signature is not valid: the content was altered, or another key signed it."
        )


@lru_cache(maxsize=16)
def _header(encoded: str) -> Header:
    """Raises `ValueError`. It is cached, since one signer writes the same header many times."""
    try:
        header = stored.read(decode(encoded), Header, most=10_000, twins=True)
    except stored.Unreadable as error:
        raise ValueError(str(error)) from error
    if encode(canonical(header)) != encoded:
        raise ValueError("the header is not in the canonical form of RFC 8785")
    return header


def _holds(key: ec.EllipticCurvePublicKey, signed: bytes, raw: bytes) -> bool:
    if len(raw) != 2 * _COORDINATE:
        return False
    r, s = (int.from_bytes(half, "big") for half in (raw[:_COORDINATE], raw[_COORDINATE:]))
    try:
        key.verify(encode_dss_signature(r, s), signed, _P256)
    except InvalidSignature:
        return False
    return True
