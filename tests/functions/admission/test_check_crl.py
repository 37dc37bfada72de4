"""The verdict comes from the lists in the bucket; not being able to read them is no verdict."""

from typing import Any

import pytest

from functions.admission.check_crl.app import handler
from functions.shared import settings
from tests import aws_environment, faults, pki
from tests.functions.admission.conftest import Case
from workflows.admission import contracts, limits
from workflows.admission.contracts import CertificateFacts
from workflows.admission.errors import AccessRefused
from workflows.revocation.errors import CrlStoreUnavailable


@pytest.fixture
def facts(case: Case) -> CertificateFacts:
    return case.inspected()


def publish(case: Case, facts: CertificateFacts, *lists: bytes) -> None:
    for number, data in enumerate(lists):
        case.gate.s3.put_object(Bucket="gatehouse-crls", Key=f"lists/{facts.issuer_key}/{number}.crl", Body=data)


def check(facts: CertificateFacts) -> Any:
    return aws_environment.call(handler, {"certificate": contracts.write(facts)})


def test_a_list_without_the_certificate_is_good(case: Case, facts: CertificateFacts) -> None:
    publish(case, facts, pki.revocation_list(case.gate.ca, [1, 2, 3]))
    assert check(facts)["status"] == "good"


def test_a_list_with_the_certificate_is_revoked(case: Case, facts: CertificateFacts) -> None:
    publish(case, facts, pki.revocation_list(case.gate.ca, [case.certificate.serial_number]))
    verdict = check(facts)
    assert verdict["status"] == "revoked"
    assert verdict["governing"]["number"] == "1"


def test_without_a_list_it_is_unknown(facts: CertificateFacts) -> None:
    assert check(facts)["status"] == "unknown"


def test_lists_of_other_issuers_are_not_looked_at(case: Case, facts: CertificateFacts) -> None:
    other = pki.revocation_list(case.gate.ca)
    case.gate.s3.put_object(Bucket="gatehouse-crls", Key=f"lists/{'0' * 64}/1.crl", Body=other)
    assert check(facts)["status"] == "unknown"


def test_a_page_of_html_is_unknown_and_named(case: Case, facts: CertificateFacts) -> None:
    publish(case, facts, b"<html>404</html>")
    verdict = check(facts)
    assert verdict["status"] == "unknown"
    assert len(verdict["not_counted"]) == 1


def test_many_lists_are_all_read(case: Case, facts: CertificateFacts) -> None:
    """More than one page of a listing: the one that revokes must not be missed."""
    lists = [pki.revocation_list(case.gate.ca, number=number) for number in range(1, 4)]
    publish(case, facts, *lists, pki.revocation_list(case.gate.ca, [case.certificate.serial_number], number=9))
    with faults.page_size("s3", "ListObjectsV2", MaxKeys=2) as pages:
        assert check(facts)["status"] == "revoked"
    assert len(pages) == 2


def test_the_operators_maximum_age_counts(case: Case, facts: CertificateFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pki.revocation_list(case.gate.ca, this_update=pki.NOW, next_update=pki.NOW + 300 * pki.DAY)
    publish(case, facts, data)
    assert check(facts)["status"] == "good"
    aws_environment.set_clock(monkeypatch, pki.NOW + 46 * pki.DAY)
    assert check(facts)["status"] == "unknown"


def test_a_list_above_the_limit_is_not_passed_over(
    case: Case, facts: CertificateFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older list beside it would say good."""
    publish(case, facts, pki.revocation_list(case.gate.ca), b"x" * 1_000_001)
    text = (settings.CONFIGURATION / "limits.toml").read_text().replace("max_size_mb = 100", "max_size_mb = 1")
    smaller = limits.load(text)
    monkeypatch.setattr("functions.admission.check_crl.app.limits", lambda: smaller)
    with faults.dying_after(0) as calls, pytest.raises(CrlStoreUnavailable, match="Raise max_size_mb"):
        check(facts)
    assert calls.count("s3.GetObject") <= 1, "it was read before its size was looked at"


@pytest.mark.parametrize(
    ("operation", "code", "error"),
    [
        ("ListObjectsV2", "SlowDown", CrlStoreUnavailable),
        ("ListObjectsV2", "NoSuchBucket", CrlStoreUnavailable),
        ("ListObjectsV2", "AccessDenied", AccessRefused),
        ("GetObject", "NoSuchKey", CrlStoreUnavailable),
        ("GetObject", "SlowDown", CrlStoreUnavailable),
    ],
)
def test_an_outage_is_never_good(case: Case, facts: CertificateFacts, operation: str, code: str, error: Any) -> None:
    publish(case, facts, pki.revocation_list(case.gate.ca))
    with faults.refused("s3", operation, code, times=9), pytest.raises(error):
        check(facts)


def test_any_fault_on_the_side_of_aws_is_an_outage(case: Case, facts: CertificateFacts) -> None:
    with faults.refused("s3", "ListObjectsV2", "NeverHeardOf", times=9, status=500), pytest.raises(CrlStoreUnavailable):
        check(facts)
