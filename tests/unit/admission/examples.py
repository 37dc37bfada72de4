"""Facts, records and rulings with defaults, so that a test states only what it is about."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from tests import pki
from workflows.admission import limits
from workflows.admission.contracts import CertificateFacts, DeviceRecord, Requirement, Ruling

CONFIG = Path(__file__).parents[3] / "config"
LIMITS = limits.load((CONFIG / "limits.toml").read_text(encoding="utf-8"))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


CERTIFICATE, CA, ISSUER_KEY = sha256("certificate"), sha256("ca"), sha256("issuer key")


def facts(**unusual: Any) -> CertificateFacts:
    """A device's certificate: serial ``2a``, common name ``pump-0042``."""
    return msgspec.structs.replace(
        CertificateFacts(
            certificate_id=CERTIFICATE,
            ca_certificate_id=CA,
            pem="-----BEGIN CERTIFICATE-----",
            subject="CN=pump-0042,O=Example Works",
            common_name="pump-0042",
            issuer="CN=Device CA",
            issuer_key=ISSUER_KEY,
            serial="2a",
            public_key=sha256("public key"),
            key="EC secp256r1",
            signature_algorithm="ecdsa-with-sha256",
            not_before=pki.NOW - pki.DAY,
            not_after=pki.NOW + pki.YEAR,
        ),
        **unusual,
    )


def record(lookup_key: str = f"certificate#{CERTIFICATE}", **unusual: Any) -> DeviceRecord:
    """An allow for ``pump-0042`` by its certificate's hash."""
    return msgspec.structs.replace(
        DeviceRecord(
            lookup_key=lookup_key,
            device="pump-0042",
            product="infusion-pump",
            site="Plant B",
            entered_by="ida",
            entered_at=pki.NOW - timedelta(days=3),
        ),
        **unusual,
    )


def ruling(**unusual: Any) -> Ruling:
    """One of quality and one of security must agree."""
    return msgspec.structs.replace(
        Ruling(
            action="people",
            rule_id="pumps",
            rule_version="3",
            rules_sha256=sha256("rules"),
            requirements=(Requirement(group="quality", count=1), Requirement(group="security", count=1)),
            decide_within=3600,
            execute_within=3600,
        ),
        **unusual,
    )
