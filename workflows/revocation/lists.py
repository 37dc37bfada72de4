"""Read a revocation list into slices of its DER (RFC 5280 §5.1). Only the encoding is checked here."""

from datetime import datetime
from typing import NamedTuple

from workflows import der
from workflows.certificate_der import name
from workflows.der import DerError, Reader
from workflows.revocation.certificate import whole_octets


class RawList(NamedTuple):
    """A CertificateList. Ranges are offsets into ``data``."""

    data: bytes
    signed: tuple[int, int]
    """tbsCertList, tag and length included."""
    algorithm: bytes
    """The outer AlgorithmIdentifier, DER."""
    inner_algorithm: bytes
    signature: bytes
    version: int
    """1 or 2."""
    issuer: bytes
    this_update: datetime
    next_update: datetime | None
    entries: tuple[int, int] | None
    """The content of revokedCertificates; None if it is absent."""
    extensions: dict[bytes, tuple[bool, bytes]]


def read_list(data: bytes) -> RawList:
    """Read a list. Raises DerError unless ``data`` is one whole CertificateList in DER, with nothing after it."""
    outer = Reader(data)
    whole = outer.take(der.SEQUENCE, "the list")
    outer.finish("the list")
    begin = whole.at
    tbs = whole.take(der.SEQUENCE, "tbsCertList")
    signed = (begin, whole.at)
    algorithm = whole.element("signatureAlgorithm")
    signature = whole_octets(whole, "the list's signature")
    whole.finish("the list")

    version = 1
    if tbs.next_is(der.INTEGER):
        if tbs.integer("version") != b"\x01":
            raise DerError("the list's version is not 2")
        version = 2
    inner_algorithm = tbs.element("signature")
    issuer = name(tbs, "the list's issuer")
    this_update = tbs.time("thisUpdate")
    next_update = tbs.time("nextUpdate") if tbs.next_is(der.UTC_TIME) or tbs.next_is(der.GENERALIZED_TIME) else None
    entries = None
    if tbs.next_is(der.SEQUENCE):
        revoked = tbs.take(der.SEQUENCE, "revokedCertificates")
        entries = (revoked.at, revoked.end)
    extensions: dict[bytes, tuple[bool, bytes]] = {}
    if tbs.next_is(0xA0):
        wrapper = tbs.take(0xA0, "crlExtensions")
        extensions = der.extensions(wrapper, "the list's extensions")
        wrapper.finish("crlExtensions")
    tbs.finish("tbsCertList")
    return RawList(
        data,
        signed,
        algorithm,
        inner_algorithm,
        signature,
        version,
        issuer,
        this_update,
        next_update,
        entries,
        extensions,
    )
