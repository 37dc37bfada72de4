"""Make the lists for the measurements: ``python -m bench.make_lists [ENTRIES …]``, written below ``.gatehouse/bench``.

Each is a well-formed list of that many revoked serials (16 to 20 random octets, a fifth with a reason), signed with
ECDSA P-256 and again with RSA-2048, beside the CA's certificate and two devices' certificates: one the list does not
name, and one it names in the middle. What is there already is kept.
"""

import random
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from tests import crl_der, pki

PLACE = Path(".gatehouse/bench")
KINDS = ("p256", "rsa2048")


class Made(NamedTuple):
    """One list, with its issuer and device."""

    crl: Path
    issuer: Path
    good: Path
    revoked: Path

    def certificates(self) -> tuple[x509.Certificate, x509.Certificate, x509.Certificate]:
        """The issuer, a device that the list does not name, and one that it names."""
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
    private_key = pki.key("bench", "rsa2048" if kind == "rsa2048" else "p256")
    ca = pki.authority("Bench CA", private_key=private_key)
    good, revoked = pki.device(ca, "good"), pki.device(ca, "revoked")
    made.issuer.write_text(ca.pem)
    made.good.write_text(pki.pem(good))
    made.revoked.write_text(pki.pem(revoked))
    revoked_entries = b"".join(_entries(entries, revoked.serial_number))
    made.crl.write_bytes(crl_der.craft(ca, revoked_entries))
    return made


def _entries(count: int, revoked: int) -> Iterator[bytes]:
    chance = random.Random(count)  # noqa: S311 - the same list every time
    day = pki.NOW - timedelta(days=300)
    for number in range(count):
        serial = revoked if number == count // 2 else chance.getrandbits(chance.choice((128, 159, 159, 159)))
        reasons = () if number % 5 else (crl_der.reason(4),)
        yield crl_der.entry(serial, *reasons, date=crl_der.utc(day + timedelta(seconds=17 * number)))


if __name__ == "__main__":
    for count in [int(argument) for argument in sys.argv[1:]] or [1_000, 1_000_000]:
        for key in KINDS:
            made = make(count, key)
            print(made.crl, made.crl.stat().st_size, "bytes")
