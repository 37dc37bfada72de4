"""A device that knocks and is not heard is found within minutes, newest first, and over once an admission knows of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from functions.reconciliation.reconcile_fleet import fleet as asked
from functions.shared import issuers
from functions.shared import settings as function_settings
from tests import aws_environment, faults, pki
from tests.functions.reconciliation.conftest import Fleet, metrics
from workflows.reconciliation.findings import GRACE

MINUTE = timedelta(minutes=1)
KIND = "pending_without_admission"


class Listing:
    """ListCertificatesByCA as AWS documents it, which moto does not page or order. `asked` are the requests."""

    def __init__(self) -> None:
        self.certificates: dict[str, tuple[str, datetime]] = {}
        self.asked: list[dict[str, Any]] = []

    def register(self, certificate_id: str, at: datetime, status: str = "PENDING_ACTIVATION") -> str:
        self.certificates[certificate_id] = (status, at)
        return certificate_id

    def note(self, params: dict[str, Any], **_: Any) -> None:
        self.asked.append(dict(params))

    def answer(self, **_: Any) -> Any:
        request = self.asked[-1]
        assert request["ascendingOrder"] is False
        ordered = sorted(self.certificates.items(), key=lambda one: one[1][1], reverse=True)
        begin = int(request.get("marker", "0"))
        page = ordered[begin : begin + request["pageSize"]]
        more = begin + request["pageSize"] < len(ordered)
        listed = [{"certificateId": key, "status": status, "creationDate": at} for key, (status, at) in page]
        answer = {"certificates": listed, **({"nextMarker": str(begin + request["pageSize"])} if more else {})}
        return SimpleNamespace(status_code=200), answer


@pytest.fixture
def listing(fleet: Fleet) -> Iterator[Listing]:
    assert fleet
    made = Listing()
    with (
        faults.hooked("provide-client-params.iot.ListCertificatesByCA", made.note, ("iot",)),
        faults.hooked("before-call.iot.ListCertificatesByCA", made.answer, ("iot",)),
    ):
        yield made


def at(monkeypatch: pytest.MonkeyPatch, after: timedelta) -> None:
    aws_environment.set_clock(monkeypatch, pki.NOW + after)


def test_a_pending_certificate_that_no_admission_knows_is_found_and_counted(
    fleet: Fleet, listing: Listing, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = listing.register("aa" * 32, pki.NOW - GRACE)
    listing.register("bb" * 32, pki.NOW - GRACE + MINUTE)
    fleet.row(listing.register("cc" * 32, pki.NOW - GRACE), "pump-1", outcome="open")
    listing.register("dd" * 32, pki.NOW - GRACE, status="INACTIVE")
    found = {key for key in fleet.reconcile() if key[0] == KIND}
    assert found == {(KIND, lost)}
    assert metrics(capsys.readouterr().out)["PendingWithoutAdmission"] == 1


def test_what_was_too_young_in_one_round_is_found_in_the_next(
    fleet: Fleet, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the two fall: a certificate of every minute is found, and none twice or never."""
    for minute in range(30):
        listing.register(f"{minute:064x}", pki.NOW - 15 * MINUTE + minute * MINUTE)
    for run in range(5):
        at(monkeypatch, run * 5 * MINUTE - timedelta(seconds=run))
        fleet.reconcile()
        judged = pki.NOW + run * 5 * MINUTE - timedelta(seconds=run) - GRACE
        expected = {(KIND, key) for key, (_, registered) in listing.certificates.items() if registered <= judged}
        assert {key for key in fleet.found() if key[0] == KIND} == expected


def test_pages_are_asked_for_until_they_are_older_than_the_last_look(
    fleet: Fleet, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.reconciliation.reconcile_fleet.walks.NEWEST", 10)
    for number in range(100):
        listing.register(f"{number:064x}", pki.NOW - 3 * pki.DAY)
    fleet.reconcile()
    listing.asked.clear()
    at(monkeypatch, 5 * MINUTE)
    for number in range(100, 125):
        listing.register(f"{number:064x}", pki.NOW)
    fleet.reconcile()
    assert [one.get("marker") for one in listing.asked] == [None, "10", "20"]
    assert {one["pageSize"] for one in listing.asked} == {10}


def test_as_many_are_listed_at_once_as_aws_allows(fleet: Fleet, listing: Listing) -> None:
    fleet.reconcile()
    assert listing.asked[0]["pageSize"] == asked.NEWEST == 250


def test_a_finding_is_over_within_minutes_of_a_knock_that_comes_through(
    fleet: Fleet, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, other = listing.register("aa" * 32, pki.NOW - GRACE), listing.register("bb" * 32, pki.NOW - GRACE)
    fleet.reconcile()
    fleet.row(lost, "pump-1", outcome="open")
    at(monkeypatch, 5 * MINUTE)
    assert {key for key in fleet.reconcile() if key[0] == KIND} == {(KIND, other)}


def test_one_whose_certificate_is_gone_is_over_with_the_whole_round_and_an_old_one_is_found_by_it(
    fleet: Fleet, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = listing.register("aa" * 32, pki.NOW - GRACE)
    old = listing.register("bb" * 32, pki.NOW - pki.YEAR)
    assert {key for key in fleet.reconcile() if key[0] == KIND} == {(KIND, gone), (KIND, old)}
    del listing.certificates[gone]
    at(monkeypatch, 5 * MINUTE)
    assert (KIND, gone) in fleet.reconcile()
    at(monkeypatch, pki.DAY)
    assert {key for key in fleet.reconcile() if key[0] == KIND} == {(KIND, old)}


def test_of_admitted_devices_one_in_so_many_is_asked_for_in_a_round_and_no_finding_is_dropped_unasked(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = function_settings.limits().reconcile
    monkeypatch.setattr(type(configured), "one_in", 3, raising=False)
    bare = {fleet.device(f"pump-{number}", number, policy=False) for number in range(1, 7)}
    with (
        faults.listening("iot", "ListAttachedPolicies") as policies,
        faults.listening("iot", "ListThingPrincipals") as things,
    ):
        for day in range(3):
            at(monkeypatch, day * pki.DAY)
            before = set(fleet.found())
            assert before <= set(fleet.reconcile())
            assert len(policies) < 6 * (day + 1)
    assert {one["target"].rpartition("/")[2] for one in policies} == bare
    assert sorted(one["thingName"] for one in things) == [f"pump-{number}" for number in range(1, 7)]
    assert {key for key in fleet.found() if key[0] == "active_without_policy"} == {
        ("active_without_policy", one) for one in bare
    }


def test_a_ca_that_was_registered_by_hand_is_known_before_a_device_of_it_connects(fleet: Fleet) -> None:
    """Otherwise a line of the inventory by name alone counts for a second CA as well, which thinks that it is the only one."""
    bucket, second = fleet.names["CRL_BUCKET"], "5e" * 32
    assert not issuers.has_others(bucket, second, "another key")
    fleet.reconcile()
    assert issuers.has_others(bucket, second, "another key")
    kept = aws_environment.client("s3").get_object(Bucket=bucket, Key=f"issuers/{fleet.ca_id}.pem")["Body"].read()
    assert kept.decode() == fleet.ca.pem
