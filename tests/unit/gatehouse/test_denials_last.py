"""What is compared first and written later: a denial is never the one that is lost, and nobody writes over what they did not see."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gatehouse.errors import AnsweredNo
from gatehouse.inventory import denials, devices
from gatehouse.stack import tables
from gatehouse.stack.target import Target
from tests import pki
from tests.unit.gatehouse.commands import answer, enter, entries, run
from workflows.admission.contracts import DeviceRecord

HASH = "ab" * 32
NOW = datetime.now(UTC)
WHY = ("--reason", "Stolen in transit")


def line(device: str = "pump-1", **unusual: Any) -> DeviceRecord:
    known: dict[str, Any] = {
        "lookup_key": f"certificate#{HASH}",
        "product": "pump",
        "entered_by": "ida",
        "entered_at": NOW,
    }
    return DeviceRecord(device=device, **(known | unusual))


def compared(target: Target, *records: DeviceRecord) -> list[devices.Change]:
    return devices.compare(target, records, lambda _: None)


def written(target: Target, changes: list[devices.Change]) -> list[devices.Change]:
    return devices.write(target, changes, lambda _: None)


def stands(target: Target, key: str = f"certificate#{HASH}") -> dict[str, Any]:
    [found] = tables.read_batch(target.client("dynamodb"), target.output("InventoryTable"), [{"lookup_key": key}])
    return found


def deny(target: Target, device: str = "pump-1") -> None:
    name, changes = denials.denial(target, device, None, reason="Stolen", entered_by="eve", at=NOW)
    denials.deny(target, name, changes, "Stolen")


def test_attack_a_denial_given_while_an_import_runs_is_not_written_over(target: Target) -> None:
    """The import had compared the line, and wrote allow over the denial minutes later."""
    written(target, compared(target, line()))
    changes = compared(target, line(product="ventilator"))
    deny(target)
    assert [change.record.device for change in written(target, changes)] == ["pump-1"]
    assert (stands(target)["effect"], stands(target)["product"]) == ("deny", "pump")
    assert entries(target, "import")[-1].new == {"changed_meanwhile": [f"certificate#{HASH}"]}


def test_attack_a_denial_of_a_line_that_is_being_imported_anew_is_not_written_over(target: Target) -> None:
    changes = compared(target, line(), line(lookup_key="name#pump-1"))
    name, denied = denials.denial(target, "pump-1", HASH, reason="Stolen", entered_by="eve", at=NOW)
    denials.deny(target, name, denied, "Stolen")
    assert len(written(target, changes)) == 1
    assert (stands(target)["effect"], stands(target, "name#pump-1")["effect"]) == ("deny", "allow")


def test_attack_a_denial_is_not_lost_to_an_import_that_writes_between_its_look_and_its_write(target: Target) -> None:
    written(target, compared(target, line()))
    name, denied = denials.denial(target, "pump-1", None, reason="Stolen", entered_by="eve", at=NOW)
    written(target, compared(target, line(product="ventilator")))
    denials.deny(target, name, denied, "Stolen")
    assert (stands(target)["effect"], stands(target)["product"], stands(target)["note"]) == (
        "deny",
        "ventilator",
        "Stolen",
    )


def test_a_denial_of_a_line_that_is_retired_meanwhile_is_entered_all_the_same(target: Target) -> None:
    written(target, compared(target, line()))
    name, denied = denials.denial(target, "pump-1", None, reason="Stolen", entered_by="eve", at=NOW)
    denials.retire(target, devices.show(target, "pump-1"), "Scrapped")
    denials.deny(target, name, denied, "Stolen")
    assert stands(target)["effect"] == "deny"


def test_a_denial_of_a_line_that_has_become_another_device_s_says_so(target: Target) -> None:
    written(target, compared(target, line()))
    name, denied = denials.denial(target, "pump-1", None, reason="Stolen", entered_by="eve", at=NOW)
    written(target, compared(target, line("pump-2")))
    with pytest.raises(AnsweredNo, match="now belongs to pump-2"):
        denials.deny(target, name, denied, "Stolen")
    assert stands(target)["effect"] == "allow"


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ({}, "denied"),
        ({"expires_at": NOW + pki.DAY}, "denied"),
        ({"effect": "deny", "expires_at": NOW + pki.DAY}, "denied"),
        ({"effect": "deny", "note": "Stolen"}, "unchanged"),
        ({"effect": "deny", "note": "Stolen, ticket 7"}, "changed"),
    ],
)
def test_attack_an_import_neither_lifts_nor_shortens_a_denial(target: Target, file: dict[str, Any], kind: str) -> None:
    written(target, compared(target, line()))
    deny(target)
    [change] = compared(target, line(**file))
    assert change.kind == kind
    written(target, [change])
    assert (stands(target)["effect"], "expires_at" in stands(target)) == ("deny", False)


def test_a_denial_that_is_over_is_no_denial(target: Target) -> None:
    enter(target, "InventoryTable", [line(effect="deny", expires_at=NOW - pki.DAY)])
    [change] = compared(target, line())
    assert change.kind == "changed"


def test_the_command_names_what_it_leaves_denied_and_how_to_lift_it(target: Target, tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text(f"device,certificate_sha256,product\npump-1,{HASH},pump\npump-2,{'cd' * 32},pump\n")
    run("inventory", "import", str(file))
    run("inventory", "deny", "pump-1", *WHY, "--yes")
    told = run("inventory", "import", str(file))
    assert "1 lines are denied, and stay denied" in told.stderr
    assert "gatehouse inventory lift DEVICE" in told.stderr
    assert "pump-1" in told.stdout
    assert answer("inventory", "import", str(file))["denied"] == 1
    assert answer("inventory", "lift", "pump-1", "--reason", "Found again", "--dry-run")["done"] is False
    run("inventory", "lift", "pump-1", "--reason", "Found again", code=1, stdin="n\n")
    run("inventory", "lift", "pump-1", "--reason", " ", "--yes", code=2)
    run("inventory", "lift", "pump-1", "--certificate", "ef" * 32, "--reason", "x", "--yes", code=1)
    lifted = answer("inventory", "lift", "pump-1", "--reason", "Found again", "--yes")["lifted"]
    assert [one["lookup_key"] for one in lifted] == [f"certificate#{HASH}", "denied#pump-1"]
    begun, succeeded = entries(target, "lift_denial")
    assert (begun.subject, begun.reason, succeeded.new) == (
        "pump-1",
        "Found again",
        {"lifted": [f"certificate#{HASH}", "denied#pump-1"]},
    )
    run("inventory", "show", "pump-1", code=2)
    assert answer("inventory", "import", str(file))["new"] == 1
    assert stands(target)["effect"] == "allow"
    run("inventory", "lift", "pump-1", "--reason", "Found again", "--yes", code=1)


def test_a_denial_given_anew_while_another_is_lifted_stays(target: Target) -> None:
    written(target, compared(target, line()))
    deny(target)
    lines = denials.liftable(target, "pump-1", None)
    anew = line(effect="deny", note="Cloned")
    enter(target, "InventoryTable", [anew, line(lookup_key="denied#pump-1", effect="deny", note="Cloned")])
    assert denials.lift(target, "pump-1", lines, "Found again") == ()
    assert stands(target)["note"] == "Cloned"


def test_two_imports_at_a_time_write_no_line_that_they_did_not_see(target: Target, tmp_path: Path) -> None:
    written(target, compared(target, line(), line("pump-2", lookup_key="name#pump-2")))
    first = compared(target, line(product="a"), line("pump-2", lookup_key="name#pump-2", product="a"))
    second = compared(target, line(product="b"))
    assert written(target, second) == []
    assert [change.record.device for change in written(target, first)] == ["pump-1"]
    assert (stands(target)["product"], stands(target, "name#pump-2")["product"]) == ("b", "a")


def test_the_command_ends_with_no_if_a_line_was_changed_meanwhile(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text(f"device,certificate_sha256,product\npump-1,{HASH},pump\n")
    compare = devices.compare

    def slowly(*given: Any) -> list[devices.Change]:
        found = compare(*given)
        enter(target, "InventoryTable", [line("pump-9")])
        return found

    monkeypatch.setattr(devices, "compare", slowly)
    told = run("inventory", "import", str(file), code=1)
    assert "somebody else changed them during the import" in told.stderr
    assert stands(target)["device"] == "pump-9"


def test_a_line_that_an_older_version_wrote_can_be_written_over(target: Target) -> None:
    """Without attributes that came later, and with one that nobody knows."""
    old = {
        "lookup_key": f"certificate#{HASH}",
        "device": "pump-1",
        "entered_by": "ida",
        "entered_at": "2026-01-01T00:00:00+00:00",
        "x": 1,
    }
    enter(target, "InventoryTable", [old])
    assert written(target, compared(target, line())) == []
    assert stands(target)["product"] == "pump"


def by_name(**unusual: Any) -> DeviceRecord:
    return line(lookup_key="name#pump-1", **unusual)


def test_attack_a_denied_device_is_not_allowed_by_a_line_with_another_key(target: Target) -> None:
    """The denial stood under the certificate's hash; an import of the name was written as new, and admitted a new certificate."""
    written(target, compared(target, line()))
    deny(target)
    assert stands(target, "denied#pump-1")["effect"] == "deny"
    [change] = compared(target, by_name())
    assert change.kind == "denied"
    assert written(target, [change]) == []
    assert [record.lookup_key for record in devices.every(target)] == [f"certificate#{HASH}"]


def test_attack_a_denial_between_compare_and_write_holds_for_a_line_with_another_key(target: Target) -> None:
    written(target, compared(target, line()))
    changes = compared(target, by_name(), line("pump-2", lookup_key="name#pump-2"))
    deny(target)
    assert [change.record.lookup_key for change in written(target, changes)] == ["name#pump-1"]
    assert (stands(target, "name#pump-1")["effect"], stands(target, "name#pump-1")["note"]) == ("deny", "Stolen")
    assert stands(target, "name#pump-2")["effect"] == "allow"
    assert entries(target, "import")[-1].new == {"denied_meanwhile": ["name#pump-1"]}


def test_the_mark_is_lifted_last_with_its_device_and_shown(target: Target) -> None:
    written(target, compared(target, line()))
    deny(target)
    assert "pump-1 is denied" in run("inventory", "show", "pump-1").stderr
    with pytest.raises(AnsweredNo, match="denied with every certificate"):
        denials.liftable(target, "pump-1", HASH)
    lines = denials.liftable(target, "pump-1", None)
    assert [one.lookup_key for one in lines] == [f"certificate#{HASH}", "denied#pump-1"]
    denials.lift(target, "pump-1", lines, "Found again")
    assert [change.kind for change in compared(target, by_name())] == ["new"]
