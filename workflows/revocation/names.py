"""Distribution points (RFC 5280 §4.2.1.13 and §5.2.5): the names in a certificate and in a list that must match.

Names are compared byte for byte, as DER. No address is ever fetched: an address in a certificate is only a name.
"""

from typing import Final, NamedTuple

from workflows import der
from workflows.der import DerError, Reader

ALL_REASONS: Final = frozenset(range(1, 9))
"""The bits of ReasonFlags that are used; bit 0 is not."""

_DIRECTORY_NAME: Final = 0xA4
_GENERAL_NAMES: Final = {0xA0, 0x81, 0x82, 0xA3, 0xA4, 0xA5, 0x86, 0x87, 0x88}


class DistributionPoint(NamedTuple):
    """One distribution point of a certificate."""

    names: frozenset[bytes]
    """GeneralNames as DER; a relative name is completed."""
    reasons: frozenset[int]
    elsewhere: bool
    """The point names a cRLIssuer: the list there is an indirect one, which is refused."""


def distribution_points(value: bytes, issuer: bytes) -> tuple[DistributionPoint, ...]:
    """A CRLDistributionPoints value. ``issuer`` is the certificate issuer's Name, with which relative names are completed."""
    outer = Reader(value)
    sequence = outer.take(der.SEQUENCE, "CRLDistributionPoints")
    outer.finish("CRLDistributionPoints")
    points = []
    while sequence:
        one = sequence.take(der.SEQUENCE, "a distribution point")
        names = point_name(one, issuer) if one.next_is(0xA0) else frozenset()
        reasons = one.bits(0x81, "a distribution point's reasons") if one.next_is(0x81) else ALL_REASONS
        elsewhere = one.next_is(0xA2)
        if elsewhere:
            _general_names(one.take(0xA2, "a distribution point's cRLIssuer"), "cRLIssuer")
        one.finish("a distribution point")
        if not names and not elsewhere:
            raise DerError("a distribution point has neither a name nor a cRLIssuer")
        points.append(DistributionPoint(names, reasons & ALL_REASONS, elsewhere))
    if not points:
        raise DerError("CRLDistributionPoints is empty")
    return tuple(points)


def point_name(reader: Reader, issuer: bytes) -> frozenset[bytes]:
    """A DistributionPointName under tag [0], as its GeneralNames."""
    outer = reader.take(0xA0, "a distribution point's name")
    if outer.next_is(0xA1):
        relative = outer.take(0xA1, "a nameRelativeToCRLIssuer").content()
        outer.finish("a distribution point's name")
        return frozenset([_completed(relative, issuer)])
    names = _general_names(outer.take(0xA0, "a distribution point's fullName"), "fullName")
    outer.finish("a distribution point's name")
    return names


def _completed(relative: bytes, issuer: bytes) -> bytes:
    """The issuer's Name plus one RelativeDistinguishedName, as a GeneralName."""
    inner = Reader(relative)
    while inner:
        attribute = inner.take(der.SEQUENCE, "an attribute of a relative name")
        attribute.oid("an attribute's type")
        attribute.element("an attribute's value")
        attribute.finish("an attribute of a relative name")
    if not relative:
        raise DerError("a nameRelativeToCRLIssuer is empty")
    rdns = Reader(issuer).take(der.SEQUENCE, "the issuer's name").content()
    return der.element(_DIRECTORY_NAME, der.element(der.SEQUENCE, rdns + der.element(der.SET, relative)))


def _general_names(reader: Reader, what: str) -> frozenset[bytes]:
    names = []
    while reader:
        name = reader.element(what)
        if name[0] not in _GENERAL_NAMES:
            raise DerError(f"{what} holds a name of unknown kind {name[0]:02X}")
        names.append(name)
    if not names:
        raise DerError(f"{what} is empty")
    return frozenset(names)
