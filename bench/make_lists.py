"""Make the lists that are measured: ``python -m bench.make_lists [ENTRIES …]``, written below ``.gatehouse/bench``.

Each is a well-formed list of that many revoked serials (16 to 20 random octets, a fifth with a reason), signed with
ECDSA P-256 and again with RSA-2048, beside the CA's certificate and two devices' certificates: one the list does not
name, and one it names in the middle. What is there already is kept.
"""

import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests import pki
from workflows.revocation import der

PLACE = Path(".gatehouse/bench")
_ALGORITHM = {
    "p256": der.element(der.SEQUENCE, der.element(der.OID, bytes.fromhex("2a8648ce3d040302"))),
    "rsa2048": der.element(der.SEQUENCE, der.element(der.OID, bytes.fromhex("2a864886f70d01010b")) + b"\x05\x00"),
}


class Made(NamedTuple):
    """One list and what belongs to it."""

    crl: Path
    issuer: Path
    good: Path
    revoked: Path

    def certificates(self) -> tuple[x509.Certificate, x509.Certificate, x509.Certificate]:
        """The issuer, the device the list does not name, and the one it does."""
        issuer, good, revoked = (
            x509.load_pem_x509_certificate(path.read_bytes()) for path in (self.issuer, self.good, self.revoked)
        )
        return issuer, good, revoked


def make(entries: int, kind: str = "p256", place: Path = PLACE) -> Made:
    """The list of that many entries signed by a key of that kind (``p256`` or ``rsa2048``)."""
    folder = place / f"{kind}-{entries}"
    made = Made(*(folder / name for name in ("list.crl", "issuer.pem", "good.pem", "revoked.pem")))
    if all(path.exists() for path in made):
        return made
    folder.mkdir(parents=True, exist_ok=True)
    private_key = pki.key("bench", kind)
    ca = pki.authority("Bench CA", private_key=private_key)
    good, revoked = pki.device(ca, "good"), pki.device(ca, "revoked")
    made.issuer.write_text(ca.pem)
    made.good.write_text(pki.pem(good))
    made.revoked.write_text(pki.pem(revoked))
    made.crl.write_bytes(_list(ca, kind, b"".join(_entries(entries, revoked.serial_number))))
    return made


def _entries(count: int, revoked: int) -> Iterator[bytes]:
    chance = random.Random(count)  # noqa: S311 - the same list every time
    day = pki.NOW - timedelta(days=300)
    for number in range(count):
        serial = revoked if number == count // 2 else chance.getrandbits(chance.choice((128, 159, 159, 159)))
        reason = (b"", b"", b"", b"", _REASON)[number % 5]
        date = der.element(der.UTC_TIME, f"{day + timedelta(seconds=17 * number):%y%m%d%H%M%SZ}".encode())
        yield der.element(der.SEQUENCE, _integer(serial) + date + reason)


_REASON = bytes.fromhex("300c300a0603551d1504030a0104")  # superseded


def _list(ca: pki.Authority, kind: str, entries: bytes) -> bytes:
    number = x509.CRLNumber(1_000).public_bytes()
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()).public_bytes()
    extensions = _extension("551d23", identifier) + _extension("551d14", number)
    tbs = der.element(
        der.SEQUENCE,
        _integer(1)
        + _ALGORITHM[kind]
        + ca.certificate.subject.public_bytes()
        + _utc(pki.NOW - pki.HOUR)
        + _utc(pki.NOW + 7 * pki.DAY)
        + der.element(der.SEQUENCE, entries)
        + der.element(0xA0, der.element(der.SEQUENCE, extensions)),
    )
    match ca.key:
        case ec.EllipticCurvePrivateKey():
            signature = ca.key.sign(tbs, ec.ECDSA(hashes.SHA256()))
        case rsa.RSAPrivateKey():
            signature = ca.key.sign(tbs, padding.PKCS1v15(), hashes.SHA256())
        case _:
            raise ValueError(f"no list is signed with {kind}")
    return der.element(der.SEQUENCE, tbs + _ALGORITHM[kind] + der.element(der.BIT_STRING, b"\x00" + signature))


def _integer(value: int) -> bytes:
    return der.element(der.INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _utc(moment: datetime) -> bytes:
    return der.element(der.UTC_TIME, f"{moment:%y%m%d%H%M%SZ}".encode())


def _extension(oid: str, value: bytes) -> bytes:
    return der.element(der.SEQUENCE, der.element(der.OID, bytes.fromhex(oid)) + der.element(der.OCTET_STRING, value))


if __name__ == "__main__":
    for count in [int(argument) for argument in sys.argv[1:]] or [1_000, 1_000_000]:
        for key in _ALGORITHM:
            made = make(count, key)
            print(made.crl, made.crl.stat().st_size, "bytes")
