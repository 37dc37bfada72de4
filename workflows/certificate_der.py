"""The fixed part of a certificate (RFC 5280 §4.1), read from its bytes. Facts and revocation use this one reader.

It does not use `cryptography`, which refuses negative serial numbers and keys that it does not know. Such certificates still have to be
named.
"""

from typing import NamedTuple

from workflows import der
from workflows.der import DerError, Reader


class FixedPart(NamedTuple):
    """The fields at the beginning of every TBSCertificate. Each is DER with tag and length, unless its docstring says otherwise."""

    version: int
    serial: bytes
    """The content octets of serialNumber."""
    algorithm: bytes
    issuer: bytes
    subject: bytes
    key_info: bytes
    """SubjectPublicKeyInfo."""


def fixed_part(tbs: Reader) -> FixedPart:
    """Read up to the end of subjectPublicKeyInfo; `tbs` moves there. Raises `DerError`."""
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
