"""The verdict comes from the lists in the bucket; not being able to read them is no verdict."""

from typing import Any

import pytest
from msgspec.structs import replace

from functions.admission.check_crl.app import handler
from functions.shared import crl_store, settings
from tests import aws_environment, faults, pki
from tests.functions.admission.conftest import Case
from workflows.admission import contracts, limits
from workflows.admission.contracts import CertificateFacts
from workflows.errors import AccessRefused
from workflows.revocation import current_lists
from workflows.revocation.errors import CrlStoreUnavailable


@pytest.fixture
def facts(case: Case) -> CertificateFacts:
    return case.inspected()


def publish(case: Case, *lists: bytes) -> None:
    for data in lists:
        assert aws_environment.publish_crl(data, case.gate.ca_id)["status"] == "accepted"


def check(facts: CertificateFacts) -> Any:
    return aws_environment.call(handler, {"certificate": contracts.write(facts)})


def test_a_list_without_the_certificate_is_good(case: Case, facts: CertificateFacts) -> None:
    publish(case, pki.revocation_list(case.gate.ca, [1, 2, 3]))
    assert check(facts)["status"] == "good"


def test_a_list_with_the_certificate_is_revoked(case: Case, facts: CertificateFacts) -> None:
    publish(case, pki.revocation_list(case.gate.ca, [case.certificate.serial_number]))
    verdict = check(facts)
    assert verdict["status"] == "revoked"
    assert verdict["governing"]["number"] == "1"


def test_without_a_list_it_is_unknown(facts: CertificateFacts) -> None:
    assert check(facts)["status"] == "unknown"


def test_lists_of_other_issuers_are_not_looked_at(case: Case, facts: CertificateFacts) -> None:
    other = pki.authority("Another CA")
    aws_environment.publish_crl(pki.revocation_list(other), aws_environment.register_ca(other))
    assert check(facts)["status"] == "unknown"


def test_a_list_that_was_not_published_is_not_looked_at(case: Case, facts: CertificateFacts) -> None:
    """Only the file of current lists says what is current."""
    data = pki.revocation_list(case.gate.ca)
    case.gate.s3.put_object(Bucket="gatehouse-crls", Key=f"lists/{facts.issuer_key}/1.crl", Body=data)
    assert check(facts)["status"] == "unknown"


def test_the_operators_maximum_age_counts(case: Case, facts: CertificateFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pki.revocation_list(case.gate.ca, this_update=pki.NOW, next_update=pki.NOW + 300 * pki.DAY)
    publish(case, data)
    assert check(facts)["status"] == "good"
    aws_environment.set_clock(monkeypatch, pki.NOW + 46 * pki.DAY)
    assert check(facts)["status"] == "unknown"


def test_a_list_above_the_limit_is_not_passed_over(
    case: Case, facts: CertificateFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was published under a higher limit. A list of another scope beside it could say good."""
    publish(case, pki.revocation_list(case.gate.ca))
    key = f"current/{facts.issuer_key}.json"
    kept = current_lists.read(
        case.gate.s3.get_object(Bucket="gatehouse-crls", Key=key)["Body"].read(), facts.issuer_key
    )
    [(slot, current)] = kept.slots.items()
    larger = replace(current, record=replace(current.record, size=1_000_001))
    case.gate.s3.put_object(Bucket="gatehouse-crls", Key=key, Body=current_lists.write(kept.having(slot, larger)))
    text = (settings.CONFIGURATION / "limits.toml").read_text().replace("max_size_mb = 100", "max_size_mb = 1")
    smaller = limits.load(text)
    monkeypatch.setattr("functions.admission.check_crl.app.limits", lambda: smaller)
    crl_store.forget()
    with faults.listening("s3", "GetObject") as reads, pytest.raises(CrlStoreUnavailable, match="Raise max_size_mb"):
        check(facts)
    assert not [read for read in reads if read["Key"].endswith(".crl")], "it was read before its size was looked at"


@pytest.mark.parametrize(
    ("operation", "code", "error"),
    [
        ("GetObject", "SlowDown", CrlStoreUnavailable),
        ("GetObject", "NoSuchBucket", CrlStoreUnavailable),
        ("GetObject", "AccessDenied", AccessRefused),
    ],
)
def test_an_outage_is_never_good(case: Case, facts: CertificateFacts, operation: str, code: str, error: Any) -> None:
    publish(case, pki.revocation_list(case.gate.ca))
    with faults.refused("s3", operation, code, times=9), pytest.raises(error):
        check(facts)


def test_any_fault_on_the_side_of_aws_is_an_outage(case: Case, facts: CertificateFacts) -> None:
    with faults.refused("s3", "GetObject", "NeverHeardOf", times=9, status=500), pytest.raises(CrlStoreUnavailable):
        check(facts)


def test_attack_another_certificate_below_issuers_is_no_verdict(case: Case, facts: CertificateFacts) -> None:
    """After people were asked, say: the device is held, not refused."""
    publish(case, pki.revocation_list(case.gate.ca, [1]))
    aws_environment.reset_caches()
    key = f"issuers/{case.gate.ca_id}.pem"
    case.gate.s3.put_object(Bucket="gatehouse-crls", Key=key, Body=pki.authority("Other").pem.encode())
    verdict = check(facts)
    assert (verdict["status"], key in verdict["reason"]) == ("unknown", True)
    case.gate.s3.put_object(Bucket="gatehouse-crls", Key=key, Body=case.gate.ca.pem.encode())
    assert check(facts)["status"] == "good", "as soon as the file is right"
