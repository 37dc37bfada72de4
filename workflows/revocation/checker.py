"""The revocation check of one certificate, with its issuer, the available lists and a time (RFC 5280 §6.3, and stricter).

A wrong ``good`` is the worst result. So every doubt gives ``unknown``, with the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography import x509

from workflows.der import DerError
from workflows.revocation.certificate import CertificateFields, certificate_fields, public_key
from workflows.revocation.combine import Finding, combine, current
from workflows.revocation.names import ALL_REASONS
from workflows.revocation.rule import RuleError
from workflows.revocation.scope import covered_reasons
from workflows.revocation.signatures import SignatureError, check_signature
from workflows.revocation.verdict import NotCounted, Status, Verdict
from workflows.revocation.verified import MAX_SIZE, CheckedList, ListMeta, Refused, verify_list


class Question(NamedTuple):
    """One call of :func:`check`, with the certificates read."""

    certificate: CertificateFields
    issuer: CertificateFields
    at: datetime
    max_age: timedelta | None
    max_size: int
    last_numbers: Mapping[str, int]


class _UnclearError(Exception):
    """The certificate cannot be judged, whatever the lists say."""


def check(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    lists: Sequence[bytes | CheckedList],
    at: datetime,
    *,
    max_age: timedelta | None = None,
    max_size: int = MAX_SIZE,
    last_numbers: Mapping[str, int] | None = None,
) -> Verdict:
    """Whether ``certificate`` is revoked at ``at``, according to ``lists``.

    ``lists`` are CRLs as DER, in any order, complete ones and deltas; or lists verified before (:func:`verify_list`) and
    indexes bound to one, which are held to the same dates, scope and order. ``issuer`` is the CA certificate that the
    caller trusts; its validity period and the certificate's are not checked here. ``max_age`` bounds the time since
    thisUpdate whatever nextUpdate says (None: nextUpdate alone bounds it); ``max_size`` is in octets, and checked before
    parsing. ``last_numbers`` gives the last cRLNumber accepted for each scope (:func:`scope_id`) under this issuer's key:
    a lower one is a rollback.

    Raises ValueError for a naive ``at``. Every problem of the certificate or a list is part of the verdict.
    """
    if at.tzinfo is None or at.utcoffset() is None:
        raise ValueError("at is a naive datetime, expected one with a time zone")
    try:
        facts, issuer_facts = _read_pair(certificate, issuer)
    except _UnclearError as unclear:
        return Verdict(status="unknown", reason=str(unclear), at=at)
    question = Question(facts, issuer_facts, at, max_age, max_size, last_numbers or {})
    try:
        _issued(facts, issuer_facts)
    except _UnclearError as unclear:
        return _verdict(question, "unknown", str(unclear))
    return judge(question, lists)


def _read_pair(certificate: x509.Certificate, issuer: x509.Certificate) -> tuple[CertificateFields, CertificateFields]:
    try:
        facts = certificate_fields(certificate)
    except DerError as error:
        raise _UnclearError(f"the certificate is malformed: {error}") from error
    try:
        issuer_facts = certificate_fields(issuer)
        public_key(issuer_facts.key_info)
    except DerError as error:
        raise _UnclearError(f"the issuer's certificate is malformed: {error}") from error
    return facts, issuer_facts


def _issued(certificate: CertificateFields, issuer: CertificateFields) -> None:
    """Check that the issuer's key signed the certificate, and that the names agree."""
    if certificate.issuer != issuer.subject:
        raise _UnclearError("the certificate names another issuer than the one given")
    if issuer.is_ca is False or (issuer.is_ca is None and issuer.version == 3):
        raise _UnclearError("the issuer's certificate is not a CA's (RFC 5280 6.1.4(k))")
    if not issuer.may_issue:
        raise _UnclearError(
            "the issuer's key usage lacks keyCertSign, so it issues no certificates (RFC 5280 6.1.4(n))"
        )
    try:
        check_signature(public_key(issuer.key_info), certificate.algorithm, certificate.signature, certificate.signed)
    except SignatureError as refused:
        raise _UnclearError(f"the certificate is not shown to be signed by the issuer's key: {refused}") from refused


class _Sorted(NamedTuple):
    """The lists of one call, sorted by their use."""

    counted: list[CheckedList]
    doubtful: list["CheckedList | Refused"]
    """Authentic lists that do not count. Their entries cannot make a certificate revoked, but they prevent ``good``."""
    dropped: list[NotCounted]


def judge(question: Question, lists: Sequence[bytes | CheckedList]) -> Verdict:
    """:func:`check` for a certificate whose issuer is verified."""
    found = _sort(question, lists)
    try:
        return _answer(question, found)
    except DerError as error:
        return _verdict(
            question, "unknown", f"an entry for the certificate is malformed: {error}", dropped=found.dropped
        )


def _answer(question: Question, found: _Sorted) -> Verdict:
    serial = question.certificate.serial
    complete, replaced = current(one for one in found.counted if one.meta.base is None)
    deltas = [one for one in found.counted if one.meta.base is not None]
    for one in replaced:
        _drop(found, one.meta, "profile: newest", "a newer list of the same scope governs")
    findings = []
    unused = {id(delta): delta for delta in deltas}
    for one in complete:
        finding = combine(one, deltas, serial)
        findings.append(finding)
        for used in finding.used:
            unused.pop(id(used), None)
    for delta in unused.values():
        _drop(found, delta.meta, "RFC 5280 5.2.4", _why_unused(delta, complete))
        found.doubtful.append(delta)

    revoked = [finding for finding in findings if finding.entry is not None]
    if revoked:
        return _revoked(question, max(revoked, key=_newest), found)
    if not findings:
        reason = "there is no list for this certificate"
        if found.dropped:
            first = found.dropped[0]
            reason = f"no list counts for this certificate: {first.reason} ({first.clause})"
        return _verdict(question, "unknown", reason, dropped=found.dropped)
    return _not_revoked(question, findings, found)


def _revoked(question: Question, finding: Finding, found: _Sorted) -> Verdict:
    entry = finding.entry
    assert entry is not None  # noqa: S101 - for the type checker; the caller passes only findings with an entry
    return _verdict(
        question,
        "revoked",
        f"revoked on {entry.revoked_on:%Y-%m-%d %H:%M:%S}Z, reason {entry.reason}, by list {finding.decided_by.meta.number}",
        governing=finding.decided_by.meta,
        others=[one.meta for one in (finding.base, *finding.used) if one is not finding.decided_by],
        dropped=found.dropped,
        revocation_reason=entry.reason,
        revocation_date=entry.revoked_on,
    )


def _not_revoked(question: Question, findings: list[Finding], found: _Sorted) -> Verdict:
    findings = sorted(findings, key=_newest, reverse=True)
    covered = frozenset[int]().union(
        *(covered_reasons(finding.base.meta.scope, question.certificate) for finding in findings)
    )
    metas = list(dict.fromkeys(one.meta for finding in findings for one in (*finding.used[::-1], finding.base)))
    doubt = _doubt(question.certificate.serial, findings, found.doubtful)
    if doubt is not None:
        status, reason = "unknown", doubt
    elif not covered >= ALL_REASONS:
        status, reason = "unknown", "the lists that count do not cover every reason for revocation (RFC 5280 6.3.3(d))"
    else:
        numbers = ", ".join(str(meta.number) for meta in metas)
        status, reason = "good", f"not revoked according to list {numbers}"
    governing = metas[0] if status == "good" else None
    return _verdict(
        question,
        "good" if status == "good" else "unknown",
        reason,
        governing=governing,
        others=metas[1:] if governing is not None else [],
        dropped=found.dropped,
    )


def _newest(finding: Finding) -> tuple[int, datetime]:
    return finding.decided_by.meta.number, finding.decided_by.meta.this_update


def _doubt(serial: bytes, findings: list[Finding], doubtful: "list[CheckedList | Refused]") -> str | None:
    """Why an authentic list that does not count prevents ``good``: it lists the certificate, and is not older."""
    for one in doubtful:
        if isinstance(one, Refused):
            this_update = one.raw.this_update if one.raw is not None else None
            mentions = one.mentions(serial)
        else:
            this_update = one.meta.this_update
            mentions = any(entry.reason != "removeFromCRL" for entry in one.find(serial))
        if not mentions:
            continue
        if any(this_update is None or finding.as_of <= this_update for finding in findings):
            return "a list that does not count, but is authentic and not older, has an entry for the certificate"
    return None


def _sort(question: Question, lists: Sequence[bytes | CheckedList]) -> _Sorted:
    found = _Sorted([], [], [])
    stale: list[ListMeta] = []
    for one in _verified(question, lists, found):
        failed = one.meta.out_of_time(question.at, question.max_age)
        if failed is not None and one.meta.next_update <= question.at:
            stale.append(one.meta)
        failed = failed or _rollback(question, one.meta) or _scope(question, one.meta)
        if failed is None:
            found.counted.append(one)
        else:
            _drop(found, one.meta, *failed)
            if (
                failed[0] != "RFC 5280 6.3.3(b)(2)(iv)"
            ):  # serials of attribute certificates are not those of device certificates
                found.doubtful.append(one)
    for one in [one for one in found.counted if any(_overtaken(one.meta, other) for other in stale)]:
        found.counted.remove(one)
        found.doubtful.append(one)
        _drop(found, one.meta, "RFC 5280 5.2.3", "a list with a higher number has been issued, and has expired since")
    return found


def _verified(question: Question, lists: Sequence[bytes | CheckedList], found: _Sorted) -> Iterable[CheckedList]:
    """Returns each list once. A list verified before must have been verified for this issuer's key."""
    seen: set[str] = set()
    for given in lists:
        one = (
            given if isinstance(given, CheckedList) else verify_list(given, question.issuer, max_size=question.max_size)
        )
        if isinstance(one, Refused):
            found.dropped.append(NotCounted(sha256=one.sha256, clause=one.clause, reason=one.reason))
            found.doubtful.append(one)
        elif one.meta.issuer_key_sha256 != question.issuer.key_sha256 or one.meta.issuer != question.issuer.subject:
            _drop(found, one.meta, "RFC 5280 6.3.3(b)(1)", "the list was verified for another issuer")
        elif not question.issuer.may_sign_lists:
            _drop(found, one.meta, "RFC 5280 6.3.3(f)", "the issuer's key usage lacks cRLSign")
        elif one.meta.sha256 not in seen:
            seen.add(one.meta.sha256)
            yield one


_Failed = tuple[str, str]


def _rollback(question: Question, meta: ListMeta) -> _Failed | None:
    last = question.last_numbers.get(meta.scope.id)
    if last is not None and meta.number < last:
        return "RFC 5280 5.2.3", f"number {meta.number} is lower than the last one accepted, {last}"
    return None


def _scope(question: Question, meta: ListMeta) -> _Failed | None:
    try:
        covered_reasons(meta.scope, question.certificate)
    except RuleError as outside:
        return outside.clause, outside.reason
    return None


def _overtaken(meta: ListMeta, stale: ListMeta) -> bool:
    """Whether a newer list is available but stale: to use the older one would be a rollback."""
    return (
        meta.base is None
        and stale.base is None
        and stale.scope.id == meta.scope.id
        and stale.number > meta.number
        and stale.this_update >= meta.this_update
    )


def _why_unused(delta: CheckedList, complete: Sequence[CheckedList]) -> str:
    same = [one.meta for one in complete if one.meta.scope_value == delta.meta.scope_value]
    if not same:
        return "a delta alone is not a list: no complete list of its scope counts"
    return (
        f"the delta, number {delta.meta.number} on base {delta.meta.base}, does not fit the complete list, "
        f"number {max(meta.number for meta in same)}"
    )


def _drop(found: _Sorted, meta: ListMeta, clause: str, reason: str) -> None:
    found.dropped.append(NotCounted(sha256=meta.sha256, clause=clause, reason=reason))


def _verdict(
    question: Question,
    status: Status,
    reason: str,
    *,
    governing: ListMeta | None = None,
    others: Iterable[ListMeta] = (),
    dropped: Iterable[NotCounted] = (),
    revocation_reason: str | None = None,
    revocation_date: datetime | None = None,
) -> Verdict:
    return Verdict(
        status=status,
        reason=reason,
        certificate_sha256=question.certificate.sha256,
        serial_number=question.certificate.serial.hex().upper(),
        issuer_key_sha256=question.issuer.key_sha256,
        at=question.at,
        governing=None if governing is None else governing.facts(),
        with_lists=tuple(meta.facts() for meta in others),
        revocation_reason=revocation_reason,
        revocation_date=revocation_date,
        not_counted=tuple(dropped),
    )
