"""Sealed records for tests: one builder a thing, with defaults, so that a case states only what is unusual.

Keys are made at run time and never written to disk, except the public ones that a test hands to another tool.
"""

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests import pki
from workflows.admission.contracts import (
    Activation,
    CertificateFacts,
    Claim,
    Decision,
    DeviceDecision,
    DeviceRecord,
    Dossier,
    Execution,
    Inspection,
    PolicyAttachment,
    Requirement,
    Ruling,
    SealInput,
)
from workflows.approval.signature import SignedVote
from workflows.canonical import canonical, sha256
from workflows.evidence import audit_trail, jws, manifest, votes
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.record import AdmissionRecord, Link, Record, parse, record
from workflows.revocation.verdict import ListFacts, Verdict

NOW = pki.NOW
TODAY = NOW.date()
MINUTE = timedelta(minutes=1)
JKU = "https://gatehouse.example/evidence/keys.json"


def signing_key(label: str = "evidence") -> ec.EllipticCurvePrivateKey:
    """The session's evidence key of that label."""
    key = pki.key(label)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def keys(*labels: str) -> jws.Keys:
    """The public halves that a verifier is given."""
    return jws.Keys(*(signing_key(label).public_key() for label in labels or ("evidence",)))


def public_pem(label: str = "evidence") -> bytes:
    return (
        signing_key(label)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def signer(label: str = "evidence") -> jws.Sign:
    """Signs as KMS does for the functions."""

    def sign(data: bytes) -> bytes:
        return jws.one_form(signing_key(label).sign(data, ec.ECDSA(hashes.SHA256())))

    return sign


def header(kind: str, label: str = "evidence") -> str:
    return jws.protected(kind, jws.thumbprint(signing_key(label).public_key()), JKU)


def sealed(thing: Any, kind: str = jws.RECORD, label: str = "evidence") -> bytes:
    """The file that is kept of a record, manifest or trail."""
    return jws.seal(canonical(thing), protected_header=header(kind, label), sign=signer(label))


def resealed(data: bytes, payload: bytes) -> bytes:
    """The file with another payload under the same header and signature: what somebody without the key can make of it."""
    kept = jws.parse(data)[0]
    return jws.seal(payload, protected_header=kept.protected, sign=lambda _: jws.decode(kept.signature))


def certificate_id(label: str = "pump-0042") -> str:
    return sha256(label.encode())


def execution(label: str = "one", started_at: datetime = NOW - MINUTE) -> Execution:
    arn = f"arn:aws:states:eu-west-1:111122223333:execution:Admission:{label}"
    return Execution(arn=arn, name=label, started_at=started_at)


def vote(subject: str = "7d0e", *, of: str = "pump-0042", label: str = "evidence", **unusual: Any) -> SignedVote:
    """An approval by one person, signed."""
    plain = SignedVote(
        **{
            "subject": subject,
            "name": "Ada Quality",
            "groups": ("quality",),
            "decision": "approve",
            "meaning": "I have reviewed the evidence and approve the device.",
            "reason": "Matches delivery note 7",
            "basis_sha256": sha256(b"basis " + of.encode()),
            "certificate_id": certificate_id(of),
            "voted_at": NOW - timedelta(seconds=20),
            "signed_in_at": NOW - timedelta(seconds=50),
            "authentication_methods": ("pwd", "mfa"),
            **unusual,
        }
    )
    return votes.signed(plain, f"approval-{of}", protected_header=header(jws.VOTE, label), sign=signer(label))


def approval(*cast: SignedVote, of: str = "pump-0042") -> Decision:
    return Decision(
        status="approved",
        approval_id=f"approval-{of}",
        reason="approved by 1 of quality",
        basis_sha256=sha256(b"basis " + of.encode()),
        requested_at=NOW - timedelta(seconds=40),
        decide_by=NOW + timedelta(days=3),
        execute_by=NOW + timedelta(days=4),
        votes=cast,
    )


@cache
def _certificate(device: str) -> x509.Certificate:
    return pki.device(pki.authority(), device, serial=4711)


def dossier(device: str = "pump-0042", *, approved: Decision | None = None) -> Dossier:
    """Everything that an admitted device leaves behind."""
    certificate = _certificate(device)
    identity, ca_id = certificate_id(device), sha256(b"ca")
    facts = CertificateFacts(
        certificate_id=identity,
        ca_certificate_id=ca_id,
        pem=pki.pem(certificate),
        subject=certificate.subject.rfc4514_string(),
        common_name=device,
        issuer=certificate.issuer.rfc4514_string(),
        issuer_key=sha256(b"issuer key"),
        serial="1267",
        public_key=sha256(b"public key"),
        key="EC secp256r1",
        signature_algorithm="ecdsa-with-SHA256",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
    return Dossier(
        claim=Claim(
            status="claimed",
            certificate_id=identity,
            ca_certificate_id=ca_id,
            owner=execution().arn,
            knocks=1,
            turn_at=NOW - timedelta(seconds=55),
        ),
        certificate=Inspection(
            status="acceptable", reason="within limits", iot_status="PENDING_ACTIVATION", pem=facts.pem, facts=facts
        ),
        revocation=Verdict(
            status="good",
            reason="not on list 12",
            at=NOW - timedelta(seconds=50),
            governing=ListFacts(
                sha256=sha256(b"list"),
                number=str(2**159),
                this_update=NOW - pki.HOUR,
                next_update=NOW + pki.DAY,
                scope="all",
            ),
        ),
        device=DeviceDecision(
            action="people" if approved else "auto",
            reason="expected by name",
            findings=(),
            matched_by="name",
            record=DeviceRecord(
                lookup_key=f"name#{device}", device=device, product="pump", entered_by="erin", entered_at=NOW - pki.DAY
            ),
            bound_certificate_id=None,
            ruling=Ruling(
                action="people" if approved else "auto",
                rule_id="pumps",
                rule_version="3",
                rules_sha256=sha256(b"rules"),
                requirements=(Requirement(group="quality", count=1),) if approved else (),
            ),
            policy_name="gatehouse-device-1a2b",
            basis_sha256=sha256(b"basis " + device.encode()),
        ),
        approval=approved,
        activation=Activation(
            thing_name=device,
            thing_arn=f"arn:aws:iot:eu-west-1:111122223333:thing/{device}",
            thing_type="pump",
            groups=("plant-b",),
            replaced_certificate_id=None,
            certificate_arn=f"arn:aws:iot:eu-west-1:111122223333:cert/{identity}",
            activated_at=NOW - timedelta(seconds=5),
        ),
        policy=PolicyAttachment(
            policy_name="gatehouse-device-1a2b",
            document_sha256=sha256(b"document"),
            document={"Version": "2012-10-17", "Statement": []},
            created=False,
        ),
    )


def seal_input(device: str = "pump-0042", *, run: str = "one", **unusual: Any) -> SealInput:
    """What the state *Seal evidence* is given."""
    parts: dict[str, Any] = {
        "execution": execution(run),
        "event": {
            "certificateId": certificate_id(device),
            "caCertificateId": sha256(b"ca"),
            "certificateStatus": "PENDING_ACTIVATION",
            "timestamp": 1795435200000,
        },
        "outcome": "admitted",
        "reason": "expected device, good certificate",
        "dossier": dossier(device),
        "workflow_version": "0123abc",
    }
    return SealInput(**parts | unusual)


def admission(
    device: str = "pump-0042",
    *,
    run: str = "one",
    at: datetime = NOW,
    previous: Link | None = None,
    device_previous: Link | None = None,
    **unusual: Any,
) -> AdmissionRecord:
    """The record of one admission."""
    return record(
        seal_input(device, run=run, **unusual),
        at=at,
        code_version="4567def",
        previous=previous,
        device_previous=device_previous,
    )


def link(thing: Record, data: bytes) -> Link:
    """How the next record names `thing`, of which `data` is kept."""
    return Link(key=thing.key, sha256=sha256(data))


def chain(device: str = "pump-0042", length: int = 3) -> dict[str, bytes]:
    """The files of a device that was held until its last knock, by key."""
    files: dict[str, bytes] = {}
    previous = None
    for number in range(length):
        outcome = "admitted" if number == length - 1 else "held"
        at = NOW + number * pki.HOUR
        made = admission(device, run=f"run-{number}", at=at, previous=previous, outcome=outcome)
        files[made.key] = sealed(made)
        previous = link(made, files[made.key])
    return files


def trail_entry(number: int = 1, at: datetime = NOW, **unusual: Any) -> audit_trail.Entry:
    """What an operator's act leaves behind."""
    parts: dict[str, Any] = {
        "source": "gatehouse",
        "actor": "arn:aws:sts::111122223333:assumed-role/Operator/erin",
        "category": "inventory",
        "type": "import",
        "subject": "pumps.csv",
        "result": "succeeded",
        "new": {"rows": 3},
    }
    return audit_trail.entry(at=at, id=f"{number:032x}", **parts | unusual)


def days(files: dict[str, bytes], first: date = TODAY, count: int = 2) -> dict[str, bytes]:
    """The manifests of `count` days over `files`, each file on the day it says; by key."""
    made: dict[str, bytes] = {}
    previous = None
    for number in range(count):
        start, end = manifest.bounds(first + timedelta(days=number))
        hashes = {key: sha256(data) for key, data in files.items() if start <= (written(key, data) or start) < end}
        one = manifest.manifest(start.date(), hashes, at=end + 30 * MINUTE, code_version="4567def", previous=previous)
        made[one.key] = sealed(one, jws.MANIFEST)
        previous = Link(key=one.key, sha256=sha256(made[one.key]))
    return made


def written(key: str, data: bytes) -> datetime | None:
    """When a file says that it was written; None if it cannot be read."""
    try:
        if key.startswith("trail/"):
            return audit_trail.parse(data).at
        payload = jws.parse(data)[1]
        return manifest.parse(payload).sealed_at if key.startswith("manifests/") else parse(payload).sealed_at
    except EvidenceInvalid:
        return None


def bucket() -> dict[str, bytes]:
    """Two days of a small fleet: chains of held and admitted devices, one with votes, two acts of operators, the manifests."""
    files = chain("pump-0042") | chain("pump-0043", 1)
    voted = admission("valve-7", dossier=dossier("valve-7", approved=approval(vote(of="valve-7"), of="valve-7")))
    files[voted.key] = sealed(voted)
    late = admission("pump-0044", at=NOW + pki.DAY)
    files[late.key] = sealed(late)
    for entry in (trail_entry(1), trail_entry(2, NOW + pki.DAY)):
        files[entry.key] = canonical(entry)
    return files | days(files)


def altered(thing: Any, **parts: Any) -> Any:
    """A struct with some fields replaced."""
    return msgspec.structs.replace(thing, **parts)
