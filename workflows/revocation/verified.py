"""A revocation list that is verified once and read many times.

Rules that depend on the time or on the certificate (dates, age, rollback, scope) are in :mod:`workflows.revocation.checker`,
which checks them at every use. Rules that depend only on the list and its issuer's key are here.
"""

import hashlib
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final, NamedTuple, ParamSpec, Protocol, TypeVar, runtime_checkable

from cryptography import x509

from workflows import der
from workflows.der import DerError, Reader
from workflows.revocation.certificate import CertificateFields, certificate_fields, public_key
from workflows.revocation.entries import Entry, find, read_entry, serials, tile
from workflows.revocation.lists import RawList, read_list
from workflows.revocation.rule import RuleError
from workflows.revocation.scope import Scope, read_scope
from workflows.revocation.signatures import SignatureError, check_signature
from workflows.revocation.verdict import ListFacts

_P = ParamSpec("_P")
_T = TypeVar("_T")

_LARGE: Final = 1_000_000
"""From this many octets on, hashing runs in a thread while the entries are read: hashing lets other threads run."""
MAX_SIZE: Final = 256 * 1024 * 1024
"""Octets. About seven million entries; the operator's limit should be lower."""

_AUTHORITY_KEY_IDENTIFIER: Final = bytes.fromhex("551d23")
_ISSUER_ALT_NAME: Final = bytes.fromhex("551d12")
_CRL_NUMBER: Final = bytes.fromhex("551d14")
_DELTA_INDICATOR: Final = bytes.fromhex("551d1b")
_ISSUING_POINT: Final = bytes.fromhex("551d1c")
_FRESHEST: Final = bytes.fromhex("551d2e")
_AUTHORITY_INFO: Final = bytes.fromhex("2b06010505070101")

# Whether RFC 5280 section 5.2 wants an extension critical. A known extension that is marked otherwise breaks the rule too.
_CRITICAL: Final = {
    _AUTHORITY_KEY_IDENTIFIER: (False, "RFC 5280 5.2.1"),
    _ISSUER_ALT_NAME: (False, "RFC 5280 5.2.2"),
    _CRL_NUMBER: (False, "RFC 5280 5.2.3"),
    _DELTA_INDICATOR: (True, "RFC 5280 5.2.4"),
    _ISSUING_POINT: (True, "RFC 5280 5.2.5"),
    _FRESHEST: (False, "RFC 5280 5.2.6"),
    _AUTHORITY_INFO: (False, "RFC 5280 5.2.7"),
}
DER_CLAUSE: Final = "RFC 5280 5.1 (DER)"


class ListMeta(NamedTuple):
    """What a list says about itself."""

    sha256: str
    issuer_key_sha256: str
    issuer: bytes
    """The issuer's Name, DER."""
    number: int
    base: int | None
    """BaseCRLNumber of a delta; None for a complete list."""
    this_update: datetime
    next_update: datetime
    scope: Scope
    scope_value: bytes | None
    """IssuingDistributionPoint, DER. A delta and its base have the same."""
    key_identifier: bytes | None
    """AuthorityKeyIdentifier, DER. A delta and its base have the same."""

    def out_of_time(self, at: datetime, max_age: timedelta | None) -> tuple[str, str] | None:
        """The clause by which the list does not count at `at`, and the reason; None if it counts. `max_age` is since thisUpdate."""
        if at < self.this_update:
            return "RFC 5280 5.1.2.4", f"thisUpdate, {self.this_update:%Y-%m-%d %H:%M:%S}Z, is still to come"
        if at >= self.next_update:
            return "RFC 5280 5.1.2.5", f"stale: nextUpdate was {self.next_update:%Y-%m-%d %H:%M:%S}Z"
        if max_age is not None and at - self.this_update > max_age:
            return "profile: age", f"issued {at - self.this_update} ago, at most {max_age} is allowed"
        return None

    def facts(self) -> ListFacts:
        """The facts of the list for a verdict."""
        return ListFacts(
            sha256=self.sha256,
            number=str(self.number),
            this_update=self.this_update,
            next_update=self.next_update,
            scope=self.scope.id,
            delta_base=None if self.base is None else str(self.base),
        )


@runtime_checkable
class CheckedList(Protocol):
    """A list that counts except for time, rollback and scope: :class:`VerifiedList`, or an index bound to such a list."""

    @property
    def meta(self) -> ListMeta: ...

    def find(self, serial: bytes) -> list[Entry]:
        """Every entry for a serial, given as DER content octets. Raises DerError for an impossible date."""


class VerifiedList(NamedTuple):
    """A list whose signature, profile and entries are valid. Cache it by its SHA-256; the user checks its dates."""

    meta: ListMeta
    raw: RawList
    boundaries: "array[int]"

    def find(self, serial: bytes) -> list[Entry]:
        if self.raw.entries is None:
            return []
        return find(self.raw.data, self.boundaries, self.raw.entries[1], serial, delta=self.meta.base is not None)

    def serials(self) -> Iterator[tuple[bytes, int]]:
        """Every serial, as DER content octets, with its entry's offset, in the list's order."""
        return iter(()) if self.raw.entries is None else serials(self.raw.data, *self.raw.entries)

    def entry(self, at: int) -> Entry:
        """The entry at an offset that :meth:`serials` gave."""
        return read_entry(self.raw.data, at, self.raw.signed[1], delta=self.meta.base is not None)


class Refused(NamedTuple):
    """A list that does not count, at any time and for any certificate."""

    sha256: str | None
    """None if the list is too large to be read at all."""
    clause: str
    reason: str
    raw: RawList | None = None
    """Set if the list is authentic. Its entries then prevent ``good``."""

    def mentions(self, serial: bytes) -> bool:
        """Whether the octets of this serial are anywhere among an authentic list's entries."""
        if self.raw is None or self.raw.entries is None:
            return False
        return self.raw.data.find(der.element(der.INTEGER, serial), *self.raw.entries) >= 0


def verify_list(
    data: bytes, issuer: x509.Certificate | CertificateFields, *, max_size: int = MAX_SIZE
) -> VerifiedList | Refused:
    """Check everything about a list that does not depend on the time. Raises no error for any content of the list.

    Raises DerError if the *issuer's* certificate cannot be read.
    """
    if not isinstance(issuer, CertificateFields):
        issuer = certificate_fields(issuer)
    public_key(issuer.key_info)
    if len(data) > max_size:
        return Refused(None, "profile: size", f"{len(data)} bytes, at most {max_size} are read")
    with ThreadPoolExecutor(max_workers=1) if len(data) > _LARGE else _Inline() as beside:
        try:
            raw = _named(data, issuer)
        except (RuleError, DerError) as error:
            return _refused(error, _sha256(data))
        signed = beside.submit(_signed, raw, issuer)
        digest = beside.submit(_sha256, data)
        try:
            return _profiled(raw, issuer, signed, digest)
        except (RuleError, DerError) as error:
            failed = error
        try:
            signed.result()
        except RuleError as error:
            return _refused(error, digest.result())
        return _refused(failed, digest.result(), raw)


class _Inline(Executor):
    """Does the work at once: a thread for a small list would cost more than it saves."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> "Future[_T]":
        future: Future[_T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except RuleError as error:
            future.set_exception(error)
        return future


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _refused(error: RuleError | DerError, sha256: str, authentic: RawList | None = None) -> Refused:
    if isinstance(error, RuleError):
        return Refused(sha256, error.clause, error.reason, authentic)
    return Refused(sha256, DER_CLAUSE, str(error), authentic)


def _named(data: bytes, issuer: CertificateFields) -> RawList:
    if data[:64].lstrip().startswith(b"-----BEGIN "):
        raise RuleError(DER_CLAUSE, "the list is PEM; give its DER")
    raw = read_list(data)
    if raw.issuer != issuer.subject:
        raise RuleError("RFC 5280 6.3.3(b)(1)", "the list's issuer is not the certificate's")
    if raw.algorithm != raw.inner_algorithm:
        raise RuleError("RFC 5280 5.1.1.2", "the two signature algorithms of the list differ")
    return raw


def _signed(raw: RawList, issuer: CertificateFields) -> None:
    begin, end = raw.signed
    try:
        check_signature(public_key(issuer.key_info), raw.algorithm, raw.signature, memoryview(raw.data)[begin:end])
    except SignatureError as refused:
        raise RuleError("RFC 5280 6.3.3(g)", f"{refused}") from refused


def _profiled(raw: RawList, issuer: CertificateFields, signed: "Future[None]", digest: "Future[str]") -> VerifiedList:
    """Read the entries while the signature is checked; the result is used only after that check."""
    if not issuer.may_sign_lists:
        raise RuleError("RFC 5280 6.3.3(f)", "the issuer's key usage lacks cRLSign")
    next_update = _well_dated(raw)
    _criticality(raw.extensions)
    values = {oid: value for oid, (_, value) in raw.extensions.items()}
    number, base = _numbers(values)
    scope_value = values.get(_ISSUING_POINT)
    scope = Scope() if scope_value is None else read_scope(scope_value, raw.issuer)
    if scope.indirect:
        raise RuleError("RFC 5280 5.2.5", "the list is indirect: refused")
    key_identifier = values.get(_AUTHORITY_KEY_IDENTIFIER)
    if key_identifier is not None:
        _same_key(key_identifier, issuer)
    boundaries = array("Q")
    if raw.entries is not None:
        if raw.entries[0] == raw.entries[1]:
            raise RuleError("RFC 5280 5.1.2.6", "revokedCertificates is there and empty; it must be absent then")
        boundaries = tile(raw.data, *raw.entries, delta=base is not None, before_slow=signed.result)
    signed.result()
    meta = ListMeta(
        sha256=digest.result(),
        issuer_key_sha256=issuer.key_sha256,
        issuer=raw.issuer,
        number=number,
        base=base,
        this_update=raw.this_update,
        next_update=next_update,
        scope=scope,
        scope_value=scope_value,
        key_identifier=key_identifier,
    )
    return VerifiedList(meta, raw, boundaries)


def _well_dated(raw: RawList) -> datetime:
    """Return nextUpdate."""
    if raw.version != 2:
        raise RuleError("RFC 5280 5.1.2.1", "the list is version 1")
    if raw.next_update is None:
        raise RuleError("RFC 5280 5.1.2.5", "the list has no nextUpdate")
    if raw.next_update <= raw.this_update:
        raise RuleError("RFC 5280 5.1.2.5", "nextUpdate is not after thisUpdate")
    return raw.next_update


def _numbers(values: dict[bytes, bytes]) -> tuple[int, int | None]:
    """cRLNumber, and BaseCRLNumber if the list is a delta."""
    number = _number(values.get(_CRL_NUMBER), "cRLNumber", "RFC 5280 5.2.3")
    if number is None:
        raise RuleError("RFC 5280 5.2.3", "the list has no cRLNumber")
    base = _number(values.get(_DELTA_INDICATOR), "BaseCRLNumber", "RFC 5280 5.2.4")
    if base is not None and _FRESHEST in values:
        raise RuleError("RFC 5280 5.2.6", "a delta has a freshestCRL extension")
    if base is not None and base >= number:
        raise RuleError("RFC 5280 5.2.4", f"the delta has number {number}, not above its base's, {base}")
    return number, base


def _criticality(extensions: dict[bytes, tuple[bool, bytes]]) -> None:
    for oid, (critical, _) in extensions.items():
        wanted, clause = _CRITICAL.get(oid, (False, "RFC 5280 5.2"))
        if critical == wanted:
            continue
        known = "" if oid in _CRITICAL else "unknown "
        raise RuleError(clause, f"{known}extension {der.dotted(oid)} is {'' if critical else 'not '}critical")


def _number(value: bytes | None, what: str, clause: str) -> int | None:
    if value is None:
        return None
    reader = Reader(value)
    content = reader.integer(what)
    reader.finish(what)
    if len(content) > 20:
        raise RuleError(clause, f"{what} has {len(content)} octets, at most 20 are allowed")
    number = int.from_bytes(content, "big", signed=True)
    if number < 0:
        raise RuleError(clause, f"{what} is negative")
    return number


def _same_key(value: bytes, issuer: CertificateFields) -> None:
    """The list's AuthorityKeyIdentifier against the issuer's SubjectKeyIdentifier (RFC 5280 §5.2.1).

    The signature already proves the key. An identifier that names another key contradicts it, so the list does
    not count. authorityCertIssuer and its serial number say which certificate of that key was meant, which a renewed CA
    certificate may change; they are not compared.
    """
    reader = Reader(value)
    fields = reader.take(der.SEQUENCE, "AuthorityKeyIdentifier")
    reader.finish("AuthorityKeyIdentifier")
    identifier = fields.take(0x80, "keyIdentifier").content() if fields.next_is(0x80) else None
    if fields.next_is(0xA1):
        fields.take(0xA1, "authorityCertIssuer")
    if fields.next_is(0x82):
        fields.take(0x82, "authorityCertSerialNumber")
    fields.finish("AuthorityKeyIdentifier")
    if identifier is not None and issuer.key_identifier is not None and identifier != issuer.key_identifier:
        raise RuleError("RFC 5280 5.2.1", "the list's authority key identifier names another key than the issuer's")
