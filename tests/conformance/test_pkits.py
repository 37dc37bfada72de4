"""NIST PKITS 4.4, 4.5, 4.7.4-5, 4.14 and 4.15: never ``good`` where the suite says Invalid."""

import pytest

from tests.conformance import pkits
from tests.conformance.conftest import Score, grade

# Valid in PKITS, and declined here on purpose: the profile refuses what these need.
ANOTHER_KEY = "the list is signed by another key than the one that signed the certificate"
INDIRECT = "the list is indirect, or issued by somebody else than the certificate's issuer"
DECLINED = {
    "ValidSeparateCertificateandCRLKeysTest19EE": ANOTHER_KEY,
    "ValidBasicSelfIssuedOldWithNewTest1EE": ANOTHER_KEY,
    "ValidBasicSelfIssuedNewWithOldTest4EE": ANOTHER_KEY,
    "ValidBasicSelfIssuedCRLSigningKeyTest6EE": ANOTHER_KEY,
    "ValidIDPwithindirectCRLTest22EE": INDIRECT,
    "ValidIDPwithindirectCRLTest24EE": INDIRECT,
    "ValidIDPwithindirectCRLTest25EE": INDIRECT,
    "ValidcRLIssuerTest28EE": INDIRECT,
    "ValidcRLIssuerTest29EE": INDIRECT,
    "ValidcRLIssuerTest30EE": INDIRECT,
    "ValidcRLIssuerTest33EE": INDIRECT,
}


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
@pytest.mark.parametrize("case", pkits.cases(), ids=lambda case: case.name)
def test_pkits(case: pkits.Case, score: Score) -> None:
    got = pkits.verdict(case)
    # The suite says only Invalid; "revoked" and "unknown" both keep the device out.
    expected = "good" if case.expected == "Valid" else got if got != "good" else "revoked"
    score(f"NIST PKITS {case.section}", expected, got)
    assert grade(expected, got) == ("declined" if case.path.stem in DECLINED else "exact"), case.name


def test_every_case_of_the_sections_is_there() -> None:
    """A renamed file in the vectors must not pass unseen."""
    assert len(pkits.cases()) == 76
