"""The fixed part of a certificate (RFC 5280 §4.1), read from its bytes: the one reader of it, for facts and for revocation.

Read here rather than through `cryptography`, which has opinions on negative serial numbers and gives up on a key that it does not know:
such certificates still have to be named.
"""

from typing import NamedTuple

from workflows import der
from workflows.der import DerError, Reader


class FixedPart(NamedTuple):
    """What every TBSCertificate begins with. All of it is DER, tag and length included, unless it says otherwise."""

    version: int
    serial: bytes
    """The content octets of serialNumber."""
    algorithm: bytes
    issuer: bytes
    subject: bytes
    key_info: bytes
    """SubjectPublicKeyInfo."""


def fixed_part(tbs: Reader) -> FixedPart:
    """Reads to the end of subjectPublicKeyInfo; `tbs` stands behind it then. Raises `DerError`."""
    version = _version(tbs.take(0xA0, "version")) if tbs.next_is(0xA0) else 1
    serial = tbs.integer("serialNumber")
    algorithm = tbs.element("signature")
    issuer = name(tbs, "the certificate's issuer")
    tbs.take(der.SEQUENCE, "validity")
    subject = name(tbs, "the certificate's subject")
    return FixedPart(version, serial, algorithm, issuer, subject, tbs.element("subjectPublicKeyInfo"))


def name(reader: Reader, what: str) -> bytes:
    """A Name, DER."""
    begin = reader.at
    reader.take(der.SEQUENCE, what)
    return reader.data[begin : reader.at]


def _version(reader: Reader) -> int:
    content = reader.integer("version")
    reader.finish("version")
    if content not in (b"\x01", b"\x02"):
        raise DerError("the certificate's version is neither 2 nor 3")
    return content[0] + 1
