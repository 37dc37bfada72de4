"""`gatehouse inventory deny|retire|export`: what each writes, keeps, asks and leaves in the trail."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gatehouse.inventory import denials, devices
from gatehouse.stack.target import Target
from tests.unit.gatehouse.commands import answer, entries, lose_the_trail, run
from workflows.dynamodb_items import to_item

HASH, OTHER, ISSUER = "ab" * 32, "cd" * 32, "ef" * 32
WHY = ("--reason", "Stolen in transit")
NOW = datetime.now(UTC)


@pytest.fixture
def fleet(target: Target, tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text(
        "device,certificate_sha256,serial,issuer_key,name,product,site,groups,attributes,expires_at,note\n"
        f'pump-1,{HASH},,,,pump,Köln,a;b,line=7;class=II,2099-01-31T18:00:00Z,"says ""hello"", =1+1"\n'
        f"pump-1,,0a,{ISSUER},,,,,,,\n"
        "pump-2,,,,pump two #2,,,,,,\n"
    )
    run("inventory", "import", str(file))


def bind(target: Target, device: str, certificate_id: str) -> None:
    binding = {
        "lookup_key": f"device#{device}",
        "bound_certificate_id": certificate_id,
        "bound_at": NOW,
        "execution_arn": "arn:x",
    }
    target.client("dynamodb").put_item(TableName=target.output("InventoryTable"), Item=to_item(binding))


def effects(device: str) -> dict[str, str]:
    return {record["lookup_key"]: record["effect"] for record in answer("inventory", "show", device)["records"]}


@pytest.mark.usefixtures("fleet")
def test_denied_device_is_denied_by_every_line_and_by_the_certificate_it_is_bound_to(target: Target) -> None:
    bind(target, "pump-1", OTHER)
    assert answer("inventory", "deny", "pump-1", *WHY, "--yes")["done"] is True
    assert effects("pump-1") == {
        f"certificate#{HASH}": "deny",
        f"serial#{ISSUER}#a": "deny",
        f"certificate#{OTHER}": "deny",
        "denied#pump-1": "deny",
    }
    assert effects("pump-2") == {"name#pump two #2": "allow"}
    begun, succeeded = entries(target, "deny")
    assert (begun.subject, begun.reason, succeeded.result) == ("pump-1", "Stolen in transit", "succeeded")
    assert begun.old[f"certificate#{HASH}"]["effect"] == "allow"


@pytest.mark.usefixtures("fleet")
def test_denial_does_not_run_out_with_the_line_it_was_made_of() -> None:
    run("inventory", "deny", "pump-1", *WHY, "--yes")
    assert [record["expires_at"] for record in answer("inventory", "show", "pump-1")["records"]] == [None, None, None]
    assert {record["note"] for record in answer("inventory", "show", "pump-1")["records"]} == {"Stolen in transit"}
    assert answer("inventory", "deny", "pump-1", *WHY, "--yes")["changes"] == []


@pytest.mark.usefixtures("fleet")
def test_one_certificate_is_denied_and_the_device_s_other_lines_stay() -> None:
    openssl = ":".join([HASH[:2].upper()] * 32)
    run("inventory", "deny", "--certificate", openssl, *WHY, "--yes")
    assert effects("pump-1") == {f"certificate#{HASH}": "deny", f"serial#{ISSUER}#a": "allow"}


def test_certificate_that_nobody_knows_needs_a_device(target: Target) -> None:
    assert "Name the device too" in run("inventory", "deny", "--certificate", OTHER, *WHY, code=2).stderr
    run("inventory", "deny", "pump-9", "--certificate", OTHER, *WHY, "--yes")
    assert effects("pump-9") == {f"certificate#{OTHER}": "deny"}


def test_certificate_is_known_by_its_admission(target: Target) -> None:
    item = {"certificate_id": OTHER, "outcome": "admitted", "device": "pump-7"}
    target.client("dynamodb").put_item(TableName=target.output("AdmissionsTable"), Item=to_item(item))
    assert answer("inventory", "deny", "--certificate", OTHER, *WHY, "--yes")["device"] == "pump-7"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "neither a device nor --certificate"),
        (("nobody",), "no device 'nobody'"),
        (("--certificate", "abc"), "64 hexadecimal digits"),
        (("a b", "--certificate", OTHER), "The device is 'a b'"),
    ],
)
def test_what_cannot_be_denied_is_named(target: Target, arguments: tuple[str, ...], expected: str) -> None:
    assert expected in run("inventory", "deny", *arguments, *WHY, code=2).stderr


@pytest.mark.usefixtures("fleet")
def test_retired_device_is_expected_no_longer_and_what_it_was_bound_to_stays(target: Target) -> None:
    bind(target, "pump-1", HASH)
    done = answer("inventory", "retire", "pump-1", *WHY, "--yes")
    assert len(done["retired"]) == 2
    shown = answer("inventory", "show", "pump-1")
    assert (shown["records"], shown["binding"]["bound_certificate_id"]) == ([], HASH)
    begun, succeeded = entries(target, "retire")
    assert begun.old[f"certificate#{HASH}"]["site"] == "Köln"
    assert len(succeeded.new["retired"]) == 2


@pytest.mark.usefixtures("fleet")
def test_denials_are_not_retired(target: Target) -> None:
    """An unknown device is held; a denied one is refused. One line is denied while the question is on the screen."""
    seen = devices.show(target, "pump-1")
    run("inventory", "deny", "--certificate", HASH, *WHY, "--yes")
    assert [line.lookup_key for line in denials.retire(target, seen, "Scrapped")] == [f"serial#{ISSUER}#a"]
    assert effects("pump-1") == {f"certificate#{HASH}": "deny"}
    assert "does not expect pump-1" in run("inventory", "retire", "pump-1", *WHY, "--yes", code=1).stderr


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("act", ["deny", "retire"])
def test_dry_run_and_a_no_change_nothing(target: Target, act: str) -> None:
    before = answer("inventory", "show", "pump-1")
    assert answer("inventory", act, "pump-1", *WHY, "--dry-run")["done"] is False
    run("inventory", act, "pump-1", *WHY, code=1, stdin="n\n")
    run("inventory", act, "pump-1", "--reason", " ", "--yes", code=2)
    assert answer("inventory", "show", "pump-1") == before
    assert entries(target, act) == []


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("act", ["deny", "retire"])
def test_what_cannot_be_recorded_is_not_done(target: Target, act: str) -> None:
    before = answer("inventory", "show", "pump-1")
    lose_the_trail(target)
    assert "nothing was done" in run("inventory", act, "pump-1", *WHY, "--yes", code=3).stderr
    assert answer("inventory", "show", "pump-1") == before


@pytest.mark.usefixtures("fleet")
def test_export_is_read_back_unchanged(target: Target, tmp_path: Path) -> None:
    bind(target, "pump-1", HASH)
    run("inventory", "deny", "pump-2", *WHY, "--yes")
    file = tmp_path / "export.csv"
    assert answer("inventory", "export", "--output", str(file))["records"] == 3
    back: Any = answer("inventory", "import", str(file), "--dry-run")
    assert (back["new"], back["changed"], back["unchanged"]) == (0, 0, 3)
    assert run("inventory", "export").stdout == file.read_text("utf-8-sig")
    assert "device#" not in file.read_text()
    assert "exists" in run("inventory", "export", "--output", str(file), code=2).stderr
    assert [record["device"] for record in answer("inventory", "export")] == ["pump-1", "pump-1", "pump-2"]


def test_export_of_an_expiring_line_keeps_the_moment(target: Target, tmp_path: Path) -> None:
    moment = (NOW + timedelta(days=1)).isoformat()
    file = tmp_path / "fleet.csv"
    file.write_text(f"device,name,expires_at\npump-1,x,{moment}\n")
    run("inventory", "import", str(file))
    run("inventory", "export", "--output", str(tmp_path / "export.csv"))
    assert answer("inventory", "import", str(tmp_path / "export.csv"), "--dry-run")["unchanged"] == 1
