"""Three keys in one read, the binding, the rules; and nothing is changed."""

import random
from typing import Any

import pytest

from functions.admission.inspect_certificate.app import handler as inspect
from functions.admission.look_up_device.app import handler
from functions.shared import batch_reads, clock, settings
from tests import aws_environment, faults, pki, trials
from tests.functions.admission.conftest import Case, Gate
from tests.unit.admission.examples import sha256
from workflows.admission import contracts
from workflows.admission.contracts import DeviceRecord, Execution
from workflows.errors import AwsUnavailable, BadInput


def look_up(case: Case) -> Any:
    facts = case.inspected()
    with faults.dying_after(0) as calls:
        answer = aws_environment.call(handler, {"certificate": contracts.write(facts)})
    reads = {
        "dynamodb.BatchGetItem",
        "s3.ListObjectsV2",
        "s3.GetObject",
        "iot.DescribeCACertificate",
    }
    assert set(calls) <= reads, "looking up changes nothing"
    assert calls.count("dynamodb.BatchGetItem") <= 2, "all keys in one read, binding and mark in another"
    return answer


def test_an_expected_device_is_found(case: Case) -> None:
    answer = look_up(case)
    assert (answer["action"], answer["matched_by"], answer["findings"]) == ("auto", "certificate", [])
    assert answer["record"]["device"] == "pump-0042"
    assert answer["policy_name"].startswith("gatehouse-device-")


def test_both_reads_are_consistent(case: Case) -> None:
    """A deny that was entered a moment ago counts."""
    facts = contracts.write(case.inspected())
    with faults.listening("dynamodb", "BatchGetItem") as batches:
        aws_environment.call(handler, {"certificate": facts})
    assert [asked["RequestItems"]["Inventory"]["ConsistentRead"] for asked in batches] == [True, True]


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


@pytest.mark.parametrize("kind", ["certificate", "name"])
def test_attack_a_denied_device_is_refused_whatever_key_finds_it(gate: Gate, kind: str) -> None:
    case = by_name(gate) if kind == "name" else Case(gate)
    gate.expect(
        DeviceRecord(
            lookup_key="denied#pump-0042", device="pump-0042", effect="deny", entered_by="eve", entered_at=pki.NOW
        )
    )
    answer = look_up(case)
    assert (answer["action"], answer["policy_name"], answer["matched_by"]) == ("refuse", None, kind)
    assert "denies pump-0042, whatever its certificate" in answer["reason"]


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
    """Under load BatchGetItem returns a part (UnprocessedKeys): a deny among the rest must not be missed."""
    pauses: list[float] = []
    monkeypatch.setattr(clock, "sleep", pauses.append)
    monkeypatch.setattr(random, "uniform", lambda _, most: most)
    case.gate.expect(
        DeviceRecord(lookup_key="name#pump-0042", device="pump-0042", effect="deny", entered_by="i", entered_at=pki.NOW)
    )
    facts = case.inspected()
    with faults.unprocessed("name#pump-0042", times=batch_reads.TRIES - 1):
        answer = aws_environment.call(handler, {"certificate": contracts.write(facts)})
    assert answer["action"] == "refuse"
    assert pauses == [0.05 * 2**one for one in range(batch_reads.TRIES - 1)]
    with faults.unprocessed("name#pump-0042", times=batch_reads.TRIES), pytest.raises(AwsUnavailable, match="unread"):
        aws_environment.call(handler, {"certificate": contracts.write(facts)})


def test_a_record_that_nobody_can_read_is_named(case: Case) -> None:
    case.gate.dynamodb.put_item(
        TableName="Inventory", Item={"lookup_key": {"S": "name#pump-0042"}, "device": {"S": "pump-0042"}}
    )
    with pytest.raises(BadInput, match="'name#pump-0042' cannot be read"):
        look_up(case)


def test_throttling_may_work_later(case: Case) -> None:
    facts = contracts.write(case.inspected())
    with faults.refused("dynamodb", "BatchGetItem", "ThrottlingException", times=9), pytest.raises(AwsUnavailable):
        aws_environment.call(handler, {"certificate": facts})


def test_a_typo_in_the_rules_names_file_and_line(case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "approval.toml").write_text('version = "1"\n[[rules]]\nid = "x"\nacton = "auto"\n')
    (tmp_path / "limits.toml").write_text((settings.CONFIGURATION / "limits.toml").read_text())
    monkeypatch.setattr(settings, "CONFIGURATION", tmp_path)
    with pytest.raises(BadInput, match=r"config/approval.toml, line 4: unknown key .*Did you mean `action`"):
        aws_environment.call(handler, {"certificate": contracts.write(case.inspected())})


def by_name(gate: Gate, *, bound: bool = False) -> Case:
    """The inventory expects its device by name alone, or as that CA's."""
    case = Case(gate)
    key = f"issuer-name#{case.inspected().issuer_key}#pump-0042" if bound else "name#pump-0042"
    gate.dynamodb.delete_item(TableName="Inventory", Key={"lookup_key": {"S": case.record.lookup_key}})
    gate.expect(DeviceRecord(lookup_key=key, device="pump-0042", entered_by="ida", entered_at=pki.NOW))
    return case


def keep(gate: Gate, authority: pki.Authority, prefix: str = "issuers/", suffix: str = ".pem") -> None:
    key = f"{prefix}{aws_environment.certificate_id(authority.certificate)}{suffix}"
    gate.s3.put_object(Bucket="gatehouse-crls", Key=key, Body=authority.pem.encode())


def test_a_name_alone_admits_while_there_is_one_ca(gate: Gate) -> None:
    answer = look_up(by_name(gate))
    assert (answer["action"], answer["findings"]) == ("auto", [])


def test_attack_a_second_ca_s_device_is_not_admitted_by_a_name_that_was_the_first_s(gate: Gate) -> None:
    """A second CA signed for the same name, and its device was admitted as the first's."""
    case = by_name(gate)
    keep(gate, gate.ca)  # as `gatehouse ca register` does
    other = pki.authority("Second CA", private_key=pki.key("second"))
    other_id = aws_environment.register_ca(other)
    certificate = pki.device(other, "pump-0042")
    event = aws_environment.register_device(certificate, other)
    execution = gate.claimed(event, "run-2")
    inspected = aws_environment.call(
        inspect,
        {"execution": execution, "certificate_id": event["certificateId"], "ca_certificate_id": other_id},
    )
    answer = aws_environment.call(handler, {"certificate": inspected["facts"]})
    assert (answer["action"], answer["findings"]) == ("hold", ["name_without_issuer"])
    assert "issuer_key" in answer["reason"]
    assert look_up(case)["findings"] == ["name_without_issuer"], "nor is the first's, until the line says whose it is"


def test_a_name_with_its_issuer_admits_that_ca_s_device_and_no_other(gate: Gate) -> None:
    case = by_name(gate, bound=True)
    other = pki.authority("Second CA", private_key=pki.key("second"))
    keep(gate, other)
    assert (look_up(case)["action"], look_up(case)["matched_by"]) == ("auto", "name")
    facts = contracts.write(case.inspected()) | {"issuer_key": sha256("second"), "certificate_id": sha256("its own")}
    assert aws_environment.call(handler, {"certificate": facts})["findings"] == ["unknown_device"]


def test_a_ca_that_was_renewed_with_its_key_is_the_same_issuer(gate: Gate) -> None:
    case = by_name(gate)
    keep(gate, pki.authority("Device CA", private_key=gate.ca.key, serial=77))
    assert look_up(case)["findings"] == []


def test_the_ca_of_a_trial_is_no_second_one(gate: Gate) -> None:
    case = by_name(gate)
    keep(gate, trials.authority())
    assert look_up(case)["findings"] == []


def test_attack_a_note_of_a_trial_hides_no_ca(gate: Gate) -> None:
    case = by_name(gate)
    other = pki.authority("Other", private_key=pki.key("other"))
    keep(gate, other)
    keep(gate, other, prefix="trials/", suffix=".json")
    assert look_up(case)["findings"] == ["name_without_issuer"]


@pytest.mark.parametrize("file", ["issuers/readme.txt", f"issuers/{'0' * 64}.pem"])
def test_attack_a_file_that_hides_which_ca_it_is_counts_as_another(gate: Gate, file: str) -> None:
    """Above all the first CA's own certificate under the second's id."""
    case = by_name(gate)
    gate.s3.put_object(Bucket="gatehouse-crls", Key=file, Body=gate.ca.pem.encode())
    assert look_up(case)["findings"] == ["name_without_issuer"]


def test_other_cas_are_asked_for_only_where_it_matters(case: Case) -> None:
    facts = contracts.write(case.inspected())
    with faults.dying_after(0) as calls:
        aws_environment.call(handler, {"certificate": facts})
    assert not [call for call in calls if call.startswith("s3.")]
