"""A list that is handed in becomes the current one in one step, or is kept aside with the rule it broke."""

import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from functions.revocation.publish_crl.app import handler
from functions.shared import settings
from tests import aws_environment, crl_der, faults, pki
from tests.functions.revocation.conftest import Office
from workflows.admission import limits
from workflows.errors import AwsUnavailable, BadInput


def test_a_good_list_becomes_current_and_its_result_lies_beside_it(office: Office) -> None:
    data = office.revoking(7, 8, number=3)
    result = office.publish(data, "monday")
    assert (result["status"], result["record"]["number"], result["entries"]) == ("accepted", "3", 2)
    assert office.read(result["list_key"]) == data
    assert office.current() == ["3"]
    assert json.loads(office.read(f"accepted/{office.ca_id}/monday.crl.json")) == result


def test_a_list_is_named_by_its_hash_and_never_written_over(office: Office) -> None:
    first, second = office.revoking(number=1), office.revoking(7, number=2)
    office.publish(first)
    office.publish(second)
    kept = office.keys("lists/")
    assert len(kept) == 2
    assert {office.read(key) for key in kept} == {first, second}
    assert office.current() == ["2"]


@pytest.mark.parametrize(
    ("unusual", "clause"),
    [
        ({"next_update": pki.NOW - pki.HOUR, "this_update": pki.NOW - pki.DAY}, "RFC 5280 5.1.2.5"),
        ({"this_update": pki.NOW + pki.HOUR}, "RFC 5280 5.1.2.4"),
        ({"this_update": pki.NOW - 46 * pki.DAY}, "profile: age"),
        ({"number": None}, "RFC 5280 5.2.3"),
        ({"signer": pki.key("another")}, "RFC 5280 6.3.3(g)"),
        ({"number": 4}, "RFC 5280 5.2.3"),
    ],
)
def test_a_list_that_fails_is_kept_aside_told_and_the_last_good_one_stays(
    office: Office, inbox: aws_environment.Inbox, unusual: dict[str, Any], clause: str
) -> None:
    office.publish(office.revoking(number=5))
    data = office.revoking(7, **{"number": 6, **unusual})
    result = office.publish(data, "bad")
    assert (result["status"], result["clause"]) == ("rejected", clause)
    assert office.read(f"rejected/{office.ca_id}/bad.crl") == data
    assert json.loads(office.read(f"rejected/{office.ca_id}/bad.crl.json")) == result
    assert office.current() == ["5"]
    assert len(office.keys("lists/")) == 1
    [mail], [event] = inbox.read()
    assert mail["Subject"] == "Gatehouse: a revocation list was rejected"
    assert clause in mail["Message"]
    assert event["detail"]["clause"] == clause


@pytest.mark.parametrize("data", [b"", b"garbage", b"<html>404</html>", b"\x30\x80"])
def test_what_is_no_list_is_kept_aside(office: Office, data: bytes) -> None:
    assert office.publish(data)["status"] == "rejected"
    assert office.keys("current/") == []


def test_a_list_in_pem_is_kept_aside_with_what_to_do(office: Office) -> None:
    der = office.revoking()
    pem = x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)
    assert "give its DER" in office.publish(pem)["reason"]


def test_a_list_above_the_limit_is_not_read(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (settings.CONFIGURATION / "limits.toml").read_text().replace("max_size_mb = 100", "max_size_mb = 1")
    smaller = limits.load(text)
    monkeypatch.setattr("functions.revocation.publish_crl.app.limits", lambda: smaller)
    with faults.dying_after(0) as calls:
        result = office.publish(b"x" * 1_000_001)
    assert (result["status"], result["clause"]) == ("rejected", "profile: size")
    assert "s3.GetObject" not in calls


def test_a_list_of_a_ca_that_nobody_registered_is_kept_aside(office: Office) -> None:
    result = aws_environment.publish_crl(office.revoking(), "0" * 64)
    assert (result["status"], result["sha256"]) == ("rejected", None)
    assert "register it first" in result["reason"]


@pytest.mark.parametrize("key", ["incoming/list.crl", "incoming/ca/list.crl", f"incoming/{'a' * 64}/a/b.crl"])
def test_a_list_in_the_wrong_place_is_kept_aside(office: Office, key: str) -> None:
    office.write(key, office.revoking())
    result = aws_environment.call(handler, aws_environment.object_created(key))
    assert (result["status"], result["clause"]) == ("rejected", "profile: place")


def test_another_list_of_the_same_number_is_no_successor(office: Office) -> None:
    office.publish(office.revoking(7, number=2))
    result = office.publish(office.revoking(number=2), "other")
    assert (result["status"], result["clause"]) == ("rejected", "RFC 5280 5.2.3")


def test_the_same_list_again_changes_nothing(office: Office) -> None:
    office.publish(office.revoking(7, number=2), "one")
    before = office.read(f"current/{office.issuer_key}.json")
    data = office.read(office.keys("lists/")[0])
    assert office.publish(data, "two")["status"] == "accepted"
    assert office.read(f"current/{office.issuer_key}.json") == before


def test_a_base_and_its_delta_are_current_beside_each_other(office: Office) -> None:
    office.publish(office.revoking(7, number=4))
    office.publish(office.revoking(8, number=5, extensions=[(x509.DeltaCRLIndicator(4), True)]))
    assert office.current() == ["4", "5"]
    office.publish(office.revoking(7, 8, number=6))
    assert office.current() == ["5", "6"], "a complete list replaces a complete list"


def test_a_large_list_gets_an_index(office: Office, large: None) -> None:
    office.publish(office.revoking(7, 8, number=1))
    assert not [key for key in office.keys("lists/") if key.endswith(".index")]
    result = office.publish(office.revoking(7, 8, 9, number=2))
    assert office.keys("lists/").count(result["list_key"].replace(".crl", ".index")) == 1


@pytest.mark.parametrize("died_at", range(1, 12))
def test_wherever_it_dies_the_bucket_is_whole_and_a_repeat_completes_it(office: Office, died_at: int) -> None:
    office.publish(office.revoking(number=1))
    data = office.revoking(7, number=2)
    try:
        with faults.dying_after(died_at):
            office.publish(data, "again")
    except faults.Died:
        assert office.current() in (["1"], ["2"])
    if office.current() == ["2"]:
        assert data in [office.read(key) for key in office.keys("lists/")], "named before it was written"
    assert office.publish(data, "again")["status"] == "accepted"
    assert office.current() == ["2"]


def test_who_publishes_at_the_same_time_does_not_undo_the_other(office: Office) -> None:
    """Between reading the file of current lists and writing it, a newer list comes in: the older one then steps back."""
    office.publish(office.revoking(number=1))
    newer = office.revoking(7, number=3)
    with faults.before(
        "s3", "PutObject", lambda: office.publish(newer, "newer"), Key=f"current/{office.issuer_key}.json"
    ):
        result = office.publish(office.revoking(number=2), "older")
    assert (result["status"], result["clause"]) == ("rejected", "RFC 5280 5.2.3")
    assert office.current() == ["3"]


def test_two_scopes_at_the_same_time_are_both_kept(office: Office) -> None:
    part = x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier("http://crl.example/1")], relative_name=None, only_contains_user_certs=False,
        only_contains_ca_certs=False, only_some_reasons=None, indirect_crl=False, only_contains_attribute_certs=False,
    )  # fmt: skip
    other = office.revoking(7, number=9, extensions=[(part, True)])
    with faults.before(
        "s3", "PutObject", lambda: office.publish(other, "part"), Key=f"current/{office.issuer_key}.json"
    ):
        assert office.publish(office.revoking(number=2))["status"] == "accepted"
    assert office.current() == ["2", "9"]


@pytest.mark.parametrize("operation", ["GetObject", "PutObject", "HeadObject"])
def test_an_outage_rejects_nothing(office: Office, operation: str) -> None:
    office.publish(office.revoking(number=1))
    with faults.refused("s3", operation, "SlowDown", times=9, status=503), pytest.raises(AwsUnavailable):
        aws_environment.call(handler, aws_environment.object_created(office.keys("incoming/")[0]))
    assert office.keys("rejected/") == []
    assert office.current() == ["1"]


def test_current_lists_that_cannot_be_read_are_not_written_over(office: Office) -> None:
    office.write(f"current/{office.issuer_key}.json", b"{}")
    with pytest.raises(BadInput, match="is not a valid file of current lists"):
        office.publish(office.revoking())
    assert office.read(f"current/{office.issuer_key}.json") == b"{}"


def test_what_is_no_event_of_s3_is_said(office: Office) -> None:
    assert office
    with pytest.raises(BadInput, match="Object Created"):
        aws_environment.call(handler, {"nobody": "asked this"})


def test_attack_another_certificate_below_issuers_stops_no_list_and_makes_none_count(office: Office) -> None:
    office.write(f"issuers/{office.ca_id}.pem", (other := pki.authority("Other")).pem.encode())
    assert office.publish(pki.revocation_list(other, [7]), "forged")["status"] == "rejected"
    assert office.publish(office.revoking(7), "real")["status"] == "accepted"


def test_a_list_of_a_ca_that_nobody_can_vouch_for_is_kept_aside_and_the_file_named(office: Office) -> None:
    aws_environment.client("iot").update_ca_certificate(certificateId=office.ca_id, newStatus="INACTIVE")
    aws_environment.client("iot").delete_ca_certificate(certificateId=office.ca_id)
    office.write(f"issuers/{office.ca_id}.pem", pki.authority("Other").pem.encode())
    result = office.publish(office.revoking(7), "real")
    assert (result["clause"], f"issuers/{office.ca_id}.pem" in result["reason"]) == ("profile: issuer", True)


@pytest.mark.usefixtures("large")
def test_attack_a_list_with_more_names_than_an_index_holds_counts_without_one(office: Office) -> None:
    """It could not be published: the function failed on it three times, and the list before it went stale."""
    points = crl_der.issuing_point(*[f"http://crl.example.com/{number}.crl" for number in range(500)])
    data = crl_der.craft(office.ca, *map(crl_der.entry, (7, 8, 9)), more=[points])
    assert office.publish(data)["status"] == "accepted"
    assert [key for key in office.keys("lists/") if not key.endswith(".crl")] == []
