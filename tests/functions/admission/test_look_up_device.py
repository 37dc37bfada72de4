"""Three keys in one read, the binding, the rules; and nothing is changed."""

import random
from typing import Any

import pytest

from functions.admission.look_up_device.app import handler
from functions.shared import batches, clock, settings
from tests import aws_environment, faults, pki
from tests.functions.admission.conftest import Case, Gate
from tests.unit.admission.examples import sha256
from workflows.admission import contracts
from workflows.admission.contracts import DeviceRecord, Execution
from workflows.admission.errors import AwsUnavailable
from workflows.errors import BadInput


def look_up(case: Case) -> Any:
    facts = case.inspected()
    with faults.dying_after(0) as calls:
        answer = aws_environment.call(handler, {"certificate": contracts.write(facts)})
    assert set(calls) <= {"dynamodb.BatchGetItem", "dynamodb.GetItem"}, "looking up changes nothing"
    assert calls.count("dynamodb.BatchGetItem") == 1, "all keys in one read"
    return answer


def test_an_expected_device_is_found(case: Case) -> None:
    answer = look_up(case)
    assert (answer["action"], answer["matched_by"], answer["findings"]) == ("auto", "certificate", [])
    assert answer["record"]["device"] == "pump-0042"
    assert answer["policy_name"].startswith("gatehouse-device-")


def test_both_reads_are_consistent(case: Case) -> None:
    """A deny that was entered a moment ago counts."""
    facts = contracts.write(case.inspected())
    with faults.listening("dynamodb", "BatchGetItem") as batches, faults.listening("dynamodb", "GetItem") as gets:
        aws_environment.call(handler, {"certificate": facts})
    assert [asked["RequestItems"]["Inventory"]["ConsistentRead"] for asked in batches] == [True]
    assert [asked["ConsistentRead"] for asked in gets] == [True]


@pytest.mark.parametrize("kind", ["certificate", "serial", "name"])
def test_each_kind_of_key_finds_it(gate: Gate, kind: str) -> None:
    case = Case(gate)
    facts = case.inspected()
    key = {
        "certificate": f"certificate#{case.certificate_id}",
        "serial": f"serial#{facts.issuer_key}#{facts.serial}",
        "name": "name#pump-0042",
    }[kind]
    gate.dynamodb.delete_item(TableName="Inventory", Key={"lookup_key": {"S": case.record.lookup_key}})
    gate.expect(DeviceRecord(lookup_key=key, device="pump-0042", entered_by="ida", entered_at=pki.NOW))
    assert look_up(case)["matched_by"] == kind


def test_a_deny_by_name_beats_an_allow_by_certificate(case: Case) -> None:
    deny = DeviceRecord(
        lookup_key="name#pump-0042", device="pump-0042", effect="deny", entered_by="ida", entered_at=pki.NOW
    )
    case.gate.expect(deny)
    answer = look_up(case)
    assert (answer["action"], answer["policy_name"]) == ("refuse", None)


def test_an_unknown_device_is_held(gate: Gate) -> None:
    case = Case(gate, lookup_key="name#somebody-else")
    answer = look_up(case)
    assert (answer["action"], answer["findings"], answer["record"]) == ("hold", ["unknown_device"], None)


def test_a_second_certificate_needs_people(case: Case) -> None:
    from functions.shared.inventory import Inventory

    other = Execution(arn=f"{aws_environment.EXECUTIONS}:other", name="other", started_at=pki.NOW)
    Inventory("Inventory").bind("pump-0042", sha256("old"), replacing=None, execution=other, at=pki.NOW)
    answer = look_up(case)
    assert (answer["action"], answer["findings"]) == ("people", ["second_certificate"])
    assert answer["bound_certificate_id"] == sha256("old")


@pytest.mark.parametrize("name", ["🤖", '"; DROP TABLE', "<script>", "name\nwith lines", "device#pump-0042"])
def test_a_nasty_common_name_finds_nothing_that_is_not_its_own(gate: Gate, name: str) -> None:
    case = Case(gate, common_name=name, lookup_key="name#pump-0042")
    assert look_up(case)["findings"] == ["unknown_device"]


@pytest.mark.parametrize("profile", ["no-such-profile", "../limits", "/etc/passwd", "Device"])
def test_a_profile_that_is_none_holds_the_device(gate: Gate, profile: str) -> None:
    answer = look_up(Case(gate, policy_profile=profile))
    assert answer["action"] == "hold"
    assert "no policy profile" in answer["reason"]


def test_keys_that_dynamodb_left_unread_are_asked_for_again_after_a_pause_that_grows(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load BatchGetItem answers a part (UnprocessedKeys): a deny among the rest must not be missed."""
    pauses: list[float] = []
    monkeypatch.setattr(clock, "sleep", pauses.append)
    monkeypatch.setattr(random, "uniform", lambda _, most: most)
    case.gate.expect(
        DeviceRecord(lookup_key="name#pump-0042", device="pump-0042", effect="deny", entered_by="i", entered_at=pki.NOW)
    )
    facts = case.inspected()
    with faults.unprocessed("name#pump-0042", times=batches.TRIES - 1):
        answer = aws_environment.call(handler, {"certificate": contracts.write(facts)})
    assert answer["action"] == "refuse"
    assert pauses == [0.05 * 2**one for one in range(batches.TRIES - 1)]
    with faults.unprocessed("name#pump-0042", times=batches.TRIES), pytest.raises(AwsUnavailable, match="unread"):
        aws_environment.call(handler, {"certificate": contracts.write(facts)})


def test_a_record_that_nobody_can_read_is_named(case: Case) -> None:
    case.gate.dynamodb.put_item(
        TableName="Inventory", Item={"lookup_key": {"S": "name#pump-0042"}, "device": {"S": "pump-0042"}}
    )
    with pytest.raises(BadInput, match="'name#pump-0042' cannot be read"):
        look_up(case)


def test_throttling_may_work_later(case: Case) -> None:
    facts = contracts.write(case.inspected())
    for operation in ("BatchGetItem", "GetItem"):
        with faults.refused("dynamodb", operation, "ThrottlingException", times=9), pytest.raises(AwsUnavailable):
            aws_environment.call(handler, {"certificate": facts})


def test_a_typo_in_the_rules_names_file_and_line(case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "approval.toml").write_text('version = "1"\n[[rules]]\nid = "x"\nacton = "auto"\n')
    (tmp_path / "limits.toml").write_text((settings.CONFIGURATION / "limits.toml").read_text())
    monkeypatch.setattr(settings, "CONFIGURATION", tmp_path)
    with pytest.raises(BadInput, match=r"config/approval.toml, line 4: unknown key .*Did you mean `action`"):
        aws_environment.call(handler, {"certificate": contracts.write(case.inspected())})
