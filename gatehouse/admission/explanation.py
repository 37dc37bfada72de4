"""What would be decided about a certificate or a device: runs the states' checks on the data that they would read. Changes nothing."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct

from gatehouse.stack import configuration
from workflows import revocation
from workflows.admission import decision, inventory_file
from workflows.admission.certificate import inspect
from workflows.admission.contracts import CertificateFacts, DeviceDecision, DeviceRecord
from workflows.admission.device_lookup import Inventory, look_up
from workflows.admission.inventory import Binding, device_key
from workflows.admission.issuers import fingerprint
from workflows.admission.limits import Limits
from workflows.admission.policies import Policy
from workflows.approval.rules import Case, Rules
from workflows.errors import BadInput

ACTIONS = ("refuse", "hold", "people", "auto")
"""From the strictest to the most open."""


class Verdict(Struct, frozen=True, kw_only=True):
    """The result of one state."""

    status: str
    reason: str


class Decided(Struct, frozen=True, kw_only=True):
    """What is done with the device. `rule` is None if the rules were not asked."""

    action: str
    reason: str
    rule: str | None


class Verdicts(Struct, frozen=True, kw_only=True):
    """The result of each state; None for a state that is not reached, or that needs a certificate and has none."""

    inspection: Verdict | None = None
    revocation: Verdict | None = None
    decision: Decided | None = None


class Explanation(NamedTuple):
    """`facts` and `found` are the data for the decision; None if there is no decision. `found_by` is the lookup key of a line."""

    verdicts: Verdicts
    facts: CertificateFacts | None = None
    found: DeviceDecision | None = None
    found_by: str | None = None


class Ca(NamedTuple):
    """A registered CA: its certificate's id in AWS IoT, the hash of its key, its certificate. All empty or None if the CA is unknown."""

    identifier: str = ""
    key: str = ""
    certificate: x509.Certificate | None = None


class NotSigned(BadInput):
    """No registered CA has signed the certificate. AWS IoT registers no such certificate, so no admission is started for it."""


class Lists(NamedTuple):
    """Revocation lists as DER, and the last accepted list number of each scope."""

    ders: Sequence[bytes]
    last_numbers: dict[str, int]


class Source(Protocol):
    """The data that the states would read: from a stack, or from files."""

    @property
    def inventory(self) -> Inventory: ...

    def lines(self, device: str) -> Sequence[DeviceRecord]:
        """Returns every line of a device, without the line that denies it."""

    def issuer_of(self, certificate: x509.Certificate | None) -> Ca:
        """Returns the CA that signed the certificate. Raises `NotSigned`; `BadInput` if there is no CA to check it against."""

    def ca_with(self, key: str) -> Ca:
        """Returns the CA with this key; for an empty key the CA that is named, or the only CA."""

    def lists_of(self, ca: Ca) -> Lists:
        """Returns the current lists of the CA's key."""

    def has_others(self, ca_certificate_id: str, key: str) -> bool:
        """Returns whether CAs with another key are registered."""


class Door(NamedTuple):
    """The other data for a decision: the operator's files, the time, and the findings to assume."""

    rules: Rules
    limits: Limits
    at: datetime
    supposed: Collection[str] = ()


def of_certificate(data: bytes, source: Source, door: Door) -> Explanation:
    """Returns what each state would return for this certificate (PEM or DER), as if AWS IoT had just registered it.

    Raises what `source` raises: data that cannot be read gives no verdict.
    """
    pem, certificate = _as_registered(data)
    try:
        ca = source.issuer_of(certificate)
    except NotSigned as error:
        return Explanation(Verdicts(inspection=Verdict(status="unacceptable", reason=str(error))))
    assert ca.certificate is not None  # noqa: S101 - for the type checker; the source raises otherwise
    inspection = inspect(
        pem,
        certificate_id=fingerprint(certificate) if certificate is not None else "",
        ca_certificate_id=ca.identifier,
        iot_status="PENDING_ACTIVATION",
        issuer=ca.certificate,
        limits=door.limits.certificate,
        at=door.at,
    )
    inspected = Verdict(status=inspection.status, reason=inspection.reason)
    if inspection.status != "acceptable" or inspection.facts is None or certificate is None:
        return Explanation(Verdicts(inspection=inspected))
    lists, bounds = source.lists_of(ca), door.limits.crl
    verdict = revocation.check(
        certificate,
        ca.certificate,
        lists.ders,
        door.at,
        max_age=timedelta(days=bounds.max_age_days),
        max_size=bounds.max_size_mb * 1_000_000,
        last_numbers=lists.last_numbers,
    )
    checked = Verdict(status=verdict.status, reason=verdict.reason)
    if verdict.status != "good":
        return Explanation(Verdicts(inspection=inspected, revocation=checked))
    found = _decide(inspection.facts, source, door)
    verdicts = Verdicts(inspection=inspected, revocation=checked, decision=_decided(found))
    return Explanation(verdicts, inspection.facts, found)


def of_device(device: str, source: Source, door: Door) -> list[Explanation]:
    """Returns what would be decided about an unknown certificate of the device: one result for each line that could match, strictest first.

    A device without a line is explained as a device that is not expected.
    """
    lines = source.lines(device)
    explained = [_of_facts(facts, source, door, line.lookup_key) for line, facts in _supposed(lines, source, door.at)]
    if not explained:
        explained = [_of_facts(_unseen(source.ca_with(""), door.at), source, door, None)]
    return sorted(explained, key=lambda one: ACTIONS.index(one.found.action) if one.found else 0)


def together(explained: Sequence[Explanation]) -> Verdicts:
    """Returns the strictest of several results. If others differ, its reason says so."""
    verdicts = explained[0].verdicts
    others = [one for one in explained if one.found and one.found.action != (explained[0].found or one.found).action]
    if verdicts.decision is None or not others:
        return verdicts
    told = "; ".join(f"{one.found_by}: {one.found.action}" for one in others if one.found)
    reason = f"{verdicts.decision.reason} This is the result for {explained[0].found_by}. It depends on the certificate: {told}."
    return msgspec.structs.replace(verdicts, decision=msgspec.structs.replace(verdicts.decision, reason=reason))


def _of_facts(facts: CertificateFacts, source: Source, door: Door, found_by: str | None) -> Explanation:
    found = _decide(facts, source, door)
    return Explanation(Verdicts(decision=_decided(found)), facts, found, found_by)


def case(explained: Explanation) -> Case | None:
    """Returns the case that the rules decided; None if they were not used."""
    if explained.facts is None or explained.found is None or explained.found.ruling is None:
        return None
    return decision.case(explained.facts, explained.found.record, explained.found.findings)


def _decide(facts: CertificateFacts, source: Source, door: Door) -> DeviceDecision:
    supposed = door.supposed

    def policy(profile: str) -> Policy | None:
        found = configuration.policy(profile)
        if found is None or "wildcard_policy" not in supposed:
            return found
        return msgspec.structs.replace(found, wildcards=found.wildcards or ("supposed",))

    return look_up(
        facts,
        _Supposing(source.inventory, supposed, door.at),
        policy,
        door.rules,
        door.at,
        other_issuers=lambda: (
            "name_without_issuer" in supposed or source.has_others(facts.ca_certificate_id, facts.issuer_key)
        ),
    )


def _decided(found: DeviceDecision) -> Decided:
    return Decided(action=found.action, reason=found.reason, rule=found.ruling.rule_id if found.ruling else None)


class _Supposing:
    """The inventory as it would be with the assumed findings."""

    def __init__(self, inventory: Inventory, supposed: Collection[str], at: datetime) -> None:
        self._inventory = inventory
        self._supposed = supposed
        self._at = at

    def records(self, keys: Sequence[str]) -> Sequence[DeviceRecord]:
        return () if "unknown_device" in self._supposed else self._inventory.records(keys)

    def standing(self, device: str) -> tuple[Binding | None, DeviceRecord | None]:
        binding, mark = self._inventory.standing(device)
        if "second_certificate" in self._supposed:
            binding = Binding(
                lookup_key=device_key(device), bound_certificate_id="(supposed)", bound_at=self._at, execution_arn=""
            )
        return binding, mark


def _as_registered(data: bytes) -> tuple[str, x509.Certificate | None]:
    """Returns the PEM that AWS IoT would have of the file's first certificate, and the certificate. If it cannot be read, returns the
    unchanged text and None."""
    try:
        load = x509.load_pem_x509_certificate if b"-----BEGIN" in data else x509.load_der_x509_certificate
        certificate = load(data)
        return certificate.public_bytes(Encoding.PEM).decode("ascii"), certificate
    except (ValueError, x509.InvalidVersion):
        return data.decode("utf-8", "replace"), None


def _supposed(
    lines: Sequence[DeviceRecord], source: Source, at: datetime
) -> Iterator[tuple[DeviceRecord, CertificateFacts]]:
    """Yields for each line a certificate that it matches. A certificate by hash or serial number also gets the device's common name, so
    that a line by name counts for it as for the device's own certificate.
    """
    for line in lines:
        cells = inventory_file.key_cells(line.lookup_key)
        name = cells.get("name") or _common_name(lines, cells.get("issuer_key"))
        ca = source.ca_with(cells.get("issuer_key", ""))
        yield (
            line,
            msgspec.structs.replace(
                _unseen(ca, at),
                certificate_id=cells.get("certificate_sha256", ""),
                issuer_key=cells.get("issuer_key", ca.key),
                serial=cells.get("serial", ""),
                common_name=name,
            ),
        )


def _common_name(lines: Sequence[DeviceRecord], issuer_key: str | None) -> str | None:
    """Returns the name in a line of the device, from the same CA if the CA is known. A line with "deny" comes first."""
    for line in sorted(lines, key=lambda line: line.effect != "deny"):
        cells = inventory_file.key_cells(line.lookup_key)
        if "name" in cells and (issuer_key is None or cells.get("issuer_key") in (None, issuer_key)):
            return cells["name"]
    return None


def _unseen(ca: Ca, at: datetime) -> CertificateFacts:
    """Returns the facts of a certificate of which only the CA is known."""
    return CertificateFacts(
        certificate_id="",
        ca_certificate_id=ca.identifier,
        pem="",
        subject="",
        common_name=None,
        issuer="",
        issuer_key=ca.key,
        serial="",
        public_key="",
        key="",
        signature_algorithm="",
        not_before=at,
        not_after=at,
    )
