"""What would be decided about a certificate or a device: the checks of the states, run here on what they would read. Changes nothing."""

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
    """What one state answers."""

    status: str
    reason: str


class Decided(Struct, frozen=True, kw_only=True):
    """What is done with the device. `rule` is None if the rules were not asked."""

    action: str
    reason: str
    rule: str | None


class Verdicts(Struct, frozen=True, kw_only=True):
    """What each state answers; None for a state that is not reached, or needs a certificate and has none."""

    inspection: Verdict | None = None
    revocation: Verdict | None = None
    decision: Decided | None = None


class Explanation(NamedTuple):
    """`facts` and `found` are what the decision was made from; None if there is no decision. `found_by` is the lookup key of a line."""

    verdicts: Verdicts
    facts: CertificateFacts | None = None
    found: DeviceDecision | None = None
    found_by: str | None = None


class Ca(NamedTuple):
    """A registered CA: its certificate's id in AWS IoT, the hash of its key, its certificate. All empty or None if nothing says which."""

    identifier: str = ""
    key: str = ""
    certificate: x509.Certificate | None = None


class NotSigned(BadInput):
    """No registered CA has signed the certificate. AWS IoT registers no such certificate, so no admission is started for it."""


class Lists(NamedTuple):
    """Revocation lists as DER, and the last number accepted of each scope."""

    ders: Sequence[bytes]
    last_numbers: dict[str, int]


class Source(Protocol):
    """What the states would read: of a stack, or of files."""

    @property
    def inventory(self) -> Inventory: ...

    def lines(self, device: str) -> Sequence[DeviceRecord]:
        """Every line of a device, the mark that denies it left out."""

    def issuer_of(self, certificate: x509.Certificate | None) -> Ca:
        """The CA that signed the certificate. Raises `NotSigned`; `BadInput` if there is none to hold it to."""

    def ca_with(self, key: str) -> Ca:
        """The CA with this key; for an empty one the CA that is named, or the only one there is."""

    def lists_of(self, ca: Ca) -> Lists:
        """The lists that are current under the CA's key."""

    def has_others(self, ca_certificate_id: str, key: str) -> bool:
        """Whether CAs with another key are registered."""


class Door(NamedTuple):
    """What decides: the operator's files, the moment, and the findings that are supposed."""

    rules: Rules
    limits: Limits
    at: datetime
    supposed: Collection[str] = ()


def of_certificate(data: bytes, source: Source, door: Door) -> Explanation:
    """What each state would answer for this certificate (PEM or DER), as if AWS IoT had just registered it.

    Raises what `source` raises: what cannot be read is no verdict.
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
    """What would be decided about a certificate that nobody has seen: one for each line that could find it, the strictest first.

    A device without any line is explained as one that nobody expects.
    """
    lines = source.lines(device)
    explained = [_of_facts(facts, source, door, line.lookup_key) for line, facts in _supposed(lines, source, door.at)]
    if not explained:
        explained = [_of_facts(_unseen(source.ca_with(""), door.at), source, door, None)]
    return sorted(explained, key=lambda one: ACTIONS.index(one.found.action) if one.found else 0)


def together(explained: Sequence[Explanation]) -> Verdicts:
    """The strictest of several answers; its reason says that others differ, if they do."""
    verdicts = explained[0].verdicts
    others = [one for one in explained if one.found and one.found.action != (explained[0].found or one.found).action]
    if verdicts.decision is None or not others:
        return verdicts
    told = "; ".join(f"{one.found_by}: {one.found.action}" for one in others if one.found)
    reason = f"{verdicts.decision.reason} This is the answer by {explained[0].found_by}. It depends on the certificate: {told}."
    return msgspec.structs.replace(verdicts, decision=msgspec.structs.replace(verdicts.decision, reason=reason))


def _of_facts(facts: CertificateFacts, source: Source, door: Door, found_by: str | None) -> Explanation:
    found = _decide(facts, source, door)
    return Explanation(Verdicts(decision=_decided(found)), facts, found, found_by)


def case(explained: Explanation) -> Case | None:
    """What the rules were asked; None if they were not."""
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
    """The inventory as it would have to be for the supposed findings."""

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
    """The PEM that AWS IoT would have of the first certificate in the file; the text as it is, and None, if it cannot be read."""
    try:
        load = x509.load_pem_x509_certificate if b"-----BEGIN" in data else x509.load_der_x509_certificate
        certificate = load(data)
        return certificate.public_bytes(Encoding.PEM).decode("ascii"), certificate
    except (ValueError, x509.InvalidVersion):
        return data.decode("utf-8", "replace"), None


def _supposed(
    lines: Sequence[DeviceRecord], source: Source, at: datetime
) -> Iterator[tuple[DeviceRecord, CertificateFacts]]:
    """For each line a certificate that it finds. One that is known by hash or serial number is supposed to have the device's common name
    too, so that a line by name counts for it as it would for the device's own certificate.
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
    """The name in a line of the device, of the same CA if that is known; a denied one before the others."""
    for line in sorted(lines, key=lambda line: line.effect != "deny"):
        cells = inventory_file.key_cells(line.lookup_key)
        if "name" in cells and (issuer_key is None or cells.get("issuer_key") in (None, issuer_key)):
            return cells["name"]
    return None


def _unseen(ca: Ca, at: datetime) -> CertificateFacts:
    """A certificate of which nothing is known but its CA."""
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
