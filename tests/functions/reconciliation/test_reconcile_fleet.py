"""Whatever is out of place between tables and fleet is found, counted, and no longer found once it is right."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from functions.reconciliation.reconcile_fleet import fleet as asked
from functions.reconciliation.reconcile_fleet.app import handler
from functions.shared.timestamps import stamp
from tests import aws_environment, pki
from tests.functions.reconciliation.conftest import OLD, Fleet, metrics
from workflows.reconciliation import rounds

DAY = timedelta(days=1)
FOREIGN = "somebody-elses"


def later(monkeypatch: pytest.MonkeyPatch, after: timedelta) -> None:
    aws_environment.set_clock(monkeypatch, pki.NOW + after)


def test_nothing_is_found_in_a_fleet_that_fits_together(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.device("pump-1", 1)
    fleet.iot.create_thing(thingName=FOREIGN)
    assert fleet.reconcile() == {}
    counted = metrics(capsys.readouterr().out)
    assert counted == dict.fromkeys(counted, 0)
    assert {"ActiveWithoutPolicy", "ActiveWithoutDecision", "OldestHeldHours", "OldestApprovalHours"} <= counted.keys()


def test_an_active_certificate_without_policy_is_found_and_over_once_it_has_one(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate_id = fleet.device("pump-1", 1, policy=False)
    found = fleet.reconcile()
    assert found.keys() == {("active_without_policy", certificate_id)}
    assert metrics(capsys.readouterr().out)["ActiveWithoutPolicy"] == 1
    arn = f"arn:aws:iot:{aws_environment.REGION}:{aws_environment.ACCOUNT}:cert/{certificate_id}"
    fleet.iot.attach_policy(policyName="gatehouse-device-1", target=arn)
    later(monkeypatch, DAY)
    assert fleet.reconcile() == {}


@pytest.mark.parametrize(
    ("outcome", "kinds"),
    [
        (None, {"active_without_decision"}),
        ("held", {"active_without_decision"}),
        ("refused", {"active_without_decision"}),
        ("failed", {"active_without_decision"}),
        ("admitted", set()),
    ],
)
def test_an_active_certificate_that_no_admission_let_in_is_found(
    fleet: Fleet, outcome: str | None, kinds: set[str]
) -> None:
    certificate_id = fleet.device("pump-1", 1, row=outcome is not None, outcome=outcome or "")
    assert fleet.reconcile().keys() == {(kind, certificate_id) for kind in kinds}


def test_a_certificate_that_the_sweep_is_about_to_take_back_is_left_to_it(fleet: Fleet) -> None:
    fleet.device("pump-1", 1, policy=False, revoked_by="ab" * 32)
    assert fleet.reconcile() == {}


@pytest.mark.parametrize("gone", [True, False])
def test_a_bound_device_whose_thing_lacks_the_certificate_is_found(fleet: Fleet, gone: bool) -> None:
    certificate_id = fleet.device("pump-1", 1)
    arn = f"arn:aws:iot:{aws_environment.REGION}:{aws_environment.ACCOUNT}:cert/{certificate_id}"
    fleet.iot.detach_thing_principal(thingName="pump-1", principal=arn)
    if gone:
        fleet.iot.delete_thing(thingName="pump-1")
    [finding] = fleet.reconcile().values()
    assert (finding["kind"], finding["subject"]) == ("bound_without_certificate", "pump-1")
    assert certificate_id in finding["detail"]


def test_a_thing_of_ours_without_certificate_is_found_and_others_things_are_not(fleet: Fleet) -> None:
    fleet.iot.create_thing(thingName="pump-9")
    fleet.iot.create_thing(thingName=FOREIGN)
    fleet.row("aa" * 32, "pump-9", outcome="failed")
    assert fleet.reconcile().keys() == {("orphan_thing", "pump-9")}


def executed(status: str) -> Any:
    return lambda _self, _arn: (status, None if status == "RUNNING" else OLD)


@pytest.mark.parametrize(
    ("status", "found"), [("RUNNING", False), ("FAILED", True), ("SUCCEEDED", True), ("ABORTED", True)]
)
def test_an_open_admission_whose_execution_is_over_is_found(
    fleet: Fleet,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    found: bool,
) -> None:
    monkeypatch.setattr(asked.Fleet, "execution", executed(status))
    fleet.row("aa" * 32, "pump-1", outcome="open")
    assert (("open_without_execution", "aa" * 32) in fleet.reconcile()) is found


def test_an_open_admission_whose_execution_step_functions_does_not_know_is_found(fleet: Fleet) -> None:
    fleet.row("aa" * 32, "nobody", outcome="open")
    assert ("open_without_execution", "aa" * 32) in fleet.reconcile()


def test_a_device_that_is_back_in_time_is_not_missed_and_one_that_is_not_is(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: Any = {"awaited": "return", "awaited_since": stamp(pki.NOW)}
    back, missing = fleet.device("pump-1", 1, **waiting), fleet.device("pump-2", 2, **waiting)
    assert fleet.connects(back, pki.NOW) == "returned"
    assert fleet.connects(back, pki.NOW) == "unchanged"
    assert fleet.reconcile() == {}
    later(monkeypatch, 4 * DAY)
    assert fleet.reconcile().keys() == {("not_returned", missing)}
    assert fleet.connects(missing, pki.NOW + 4 * DAY) == "returned"
    later(monkeypatch, 5 * DAY)
    assert fleet.reconcile() == {}


def test_a_connection_of_before_the_admission_proves_nothing(fleet: Fleet) -> None:
    certificate_id = fleet.device("pump-1", 1, awaited="return", awaited_since=stamp(pki.NOW))
    assert fleet.connects(certificate_id, pki.NOW - pki.HOUR) == "unchanged"


def test_how_long_devices_are_held_is_measured(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.row("aa" * 32, "pump-1", outcome="held", awaited="admission", awaited_since=stamp(pki.NOW - 3 * DAY))
    fleet.row("bb" * 32, "pump-2", outcome="held", awaited="admission", awaited_since=stamp(pki.NOW))
    fleet.reconcile()
    assert metrics(capsys.readouterr().out)["OldestHeldHours"] == 72


def test_a_run_without_time_left_goes_on_where_it_was_in_the_next(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every run has time for one page; all of the fleet is seen all the same."""
    subject = fleet.device("pump-1", 1, policy=False)
    for _ in range(sum(len(walks) for walks in rounds.WALKS.values())):
        left = itertools.chain([290_000], itertools.repeat(0))
        context = aws_environment.context()
        context.get_remaining_time_in_millis = lambda left=left: next(left)
        assert handler({}, context)["pages"] == 1
    assert fleet.found().keys() == {("active_without_policy", subject)}


def test_a_fleet_of_more_than_one_page_is_seen_whole(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "PAGE", 2)
    names = [f"pump-{number}" for number in range(5)]
    for name in names:
        fleet.iot.create_thing(thingName=name)
        fleet.row(f"{names.index(name):064x}", name, outcome="failed")
    assert fleet.reconcile().keys() == {("orphan_thing", name) for name in names}


def test_an_accepted_finding_is_counted_no_more_and_stays_accepted(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate_id = fleet.device("pump-1", 1, row=False)
    fleet.reconcile()
    key = {"kind": {"S": "active_without_decision"}, "subject": {"S": certificate_id}}
    fleet.dynamodb.update_item(TableName=fleet.names["FINDINGS_TABLE"], Key=key, UpdateExpression="SET accepted_at = :at",
                               ExpressionAttributeValues={":at": {"S": stamp(pki.NOW)}})  # fmt: skip
    later(monkeypatch, DAY)
    assert len(fleet.reconcile()) == 1
    assert metrics(capsys.readouterr().out)["ActiveWithoutDecision"] == 0
