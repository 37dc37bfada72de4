"""NIST PKITS, the sections about revocation, with a harness that finds the path.

PKITS tests whole path validation. The checker judges one certificate against its issuer, so the harness supplies the
path from the trust anchor and asks about each certificate in it. The expected answer is in the end entity's file name.
"""

from collections import defaultdict
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import cryptography_vectors
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from workflows.revocation import check
from workflows.revocation.verdict import Status

DATA = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data"
AT = datetime(2012, 1, 1, tzinfo=UTC)
"""After the last list of the suite (its deltas are of 2011) and long before their nextUpdate."""

SECTIONS = {
    "4.4": (
        "MissingCRL RevokedCA RevokedEE BadCRLSignature BadCRLIssuerName WrongCRL TwoCRLs UnknownCRLEntryExtension "
        "UnknownCRLExtension OldCRLnextUpdate pre2000CRLnextUpdate GeneralizedTimeCRLnextUpdate NegativeSerialNumber "
        "LongSerialNumber SeparateCertificateandCRLKeys"
    ),
    "4.5": ("BasicSelfIssuedOldWithNew BasicSelfIssuedNewWithOld BasicSelfIssuedCRLSigningKey"),
    "4.7.4-5": "keyUsageCriticalcRLSignFalse keyUsageNotCriticalcRLSignFalse",
    "4.14": (
        "distributionPoint NoissuingDistributionPoint onlyContainsUserCerts onlyContainsCACerts "
        "onlyContainsAttributeCerts onlySomeReasons IDPwithindirectCRL cRLIssuer"
    ),
    "4.15": "deltaCRLIndicatorNoBase deltaCRL",
}


class Case(NamedTuple):
    section: str
    path: Path
    expected: Literal["Valid", "Invalid"]

    @property
    def name(self) -> str:
        return f"{self.section} {self.path.stem}"


def cases() -> list[Case]:
    found = []
    for section, groups in SECTIONS.items():
        for group in groups.split():
            for expected in ("Valid", "Invalid"):
                files = sorted(DATA.glob(f"certs/{expected}{group}Test*EE.crt"))
                found += [Case(section, path, expected) for path in files]
    return found


@cache
def _certificates() -> dict[x509.Name, list[x509.Certificate]]:
    by_subject = defaultdict(list)
    for path in sorted(DATA.glob("certs/*.crt")):
        if not path.stem.endswith("EE") and not path.stem.startswith(
            "DSA"
        ):  # a DSA key without parameters does not load
            certificate = x509.load_der_x509_certificate(path.read_bytes())
            by_subject[certificate.subject].append(certificate)
    return by_subject


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def certification_path(end_entity: x509.Certificate) -> list[x509.Certificate]:
    """From the end entity to the trust anchor: the shortest there is."""
    anchor = x509.load_der_x509_certificate((DATA / "certs" / "TrustAnchorRootCertificate.crt").read_bytes())
    paths = [[end_entity]]
    while paths:
        path = paths.pop(0)
        if path[-1] == anchor:
            return path
        paths += [
            [*path, issuer]
            for issuer in _certificates()[path[-1].issuer]
            if issuer not in path and _issued(path[-1], issuer)
        ]
    raise LookupError(f"no path for {end_entity.subject}")


def verdict(case: Case) -> Status:
    """``revoked`` or ``unknown`` if any certificate in the path is; ``good`` only if all are."""
    path = certification_path(x509.load_der_x509_certificate(case.path.read_bytes()))
    lists = every_list()
    answers = {check(certificate, issuer, lists, AT).status for certificate, issuer in pairwise(path)}
    if "revoked" in answers:
        return "revoked"
    return "unknown" if "unknown" in answers else "good"


@cache
def every_list() -> list[bytes]:
    """Every list in the suite: which of them count is for the checker to say."""
    return [path.read_bytes() for path in sorted(DATA.glob("crls/*.crl"))]
