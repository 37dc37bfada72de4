"""Which certificates a list covers: its IssuingDistributionPoint and a certificate (RFC 5280 §5.2.5, §6.3.3 (b)(2), (d))."""

import hashlib
from typing import NamedTuple

from workflows import der
from workflows.der import DerError, Reader
from workflows.revocation.certificate import CertificateFields
from workflows.revocation.names import ALL_REASONS, point_name
from workflows.revocation.rule import RuleError

COMPLETE = "complete"
"""The scope of a list without IssuingDistributionPoint: every certificate of its issuer's key, for every reason."""


class Scope(NamedTuple):
    """The content of an IssuingDistributionPoint; the default is a list without one."""

    id: str = COMPLETE
    names: frozenset[bytes] | None = None
    """GeneralNames as DER; None if the list has no distribution point."""
    only_user: bool = False
    only_ca: bool = False
    only_attribute: bool = False
    indirect: bool = False
    reasons: frozenset[int] = ALL_REASONS


def scope_id(value: bytes | None) -> str:
    """Identifies a scope under one issuer key: ``complete``, or the SHA-256 of the IssuingDistributionPoint's DER."""
    return COMPLETE if value is None else hashlib.sha256(value).hexdigest()


def read_scope(value: bytes, issuer: bytes) -> Scope:
    """An IssuingDistributionPoint value. Raises DerError."""
    what = "IssuingDistributionPoint"
    outer = Reader(value)
    fields = outer.take(der.SEQUENCE, what)
    outer.finish(what)
    if not fields:
        raise DerError("IssuingDistributionPoint is empty, which RFC 5280 section 5.2.5 forbids")
    names = point_name(fields, issuer) if fields.next_is(0xA0) else None
    only_user = fields.boolean(0x81, "onlyContainsUserCerts")
    only_ca = fields.boolean(0x82, "onlyContainsCACerts")
    reasons = fields.bits(0x83, "onlySomeReasons") & ALL_REASONS if fields.next_is(0x83) else ALL_REASONS
    indirect = fields.boolean(0x84, "indirectCRL")
    only_attribute = fields.boolean(0x85, "onlyContainsAttributeCerts")
    fields.finish(what)
    if only_user + only_ca + only_attribute > 1:
        raise DerError("IssuingDistributionPoint sets more than one of the onlyContains flags")
    return Scope(scope_id(value), names, only_user, only_ca, only_attribute, indirect, reasons)


def covered_reasons(scope: Scope, certificate: CertificateFields) -> frozenset[int]:
    """The reasons for which a list of this scope can say that the certificate is not revoked. Raises RuleError.

    A distribution point of the certificate that names a cRLIssuer refers to an indirect list, so the issuer's own list
    does not cover it. The reasons of a point limit what its list covers.
    """
    if scope.only_attribute:
        raise RuleError("RFC 5280 6.3.3(b)(2)(iv)", "the list is for attribute certificates only")
    if scope.only_user and certificate.is_ca:
        raise RuleError("RFC 5280 6.3.3(b)(2)(ii)", "the list is for end-entity certificates only, and this is a CA's")
    if scope.only_ca and not certificate.is_ca:
        raise RuleError("RFC 5280 6.3.3(b)(2)(iii)", "the list is for CA certificates only, and this is none")
    points = certificate.distribution_points
    if scope.names is not None:
        points = tuple(p for p in points if not p.elsewhere and not scope.names.isdisjoint(p.names))
        if not points:
            raise RuleError(
                "RFC 5280 6.3.3(b)(2)(i)", "the list's distribution point is none of those the certificate names"
            )
    elif not points:
        return scope.reasons
    reasons = frozenset[int]().union(*(p.reasons for p in points if not p.elsewhere))
    return reasons & scope.reasons
