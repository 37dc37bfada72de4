"""`gatehouse findings`: what each repair does, refuses and leaves in the trail; the world is looked at again first."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gatehouse.reconciliation import findings, repairs
from gatehouse.stack.target import Target
from tests import aws_environment, pki, records
from tests.unit.gatehouse.commands import answer, entries, lose_the_trail, run
from workflows.dynamodb_items import to_item, to_plain
from workflows.evidence.record import ActRecord, Link, Record
from workflows.reconciliation.findings import Kind

WHY = ("--reason", "Looked at it")
NOW = datetime.now(UTC)
EXECUTION = f"{aws_environment.EXECUTIONS}:gone"
ACTIVE: Kind = "active_without_decision"


def put(target: Target, table: str, **item: Any) -> None:
    target.client("dynamodb").put_item(TableName=target.output(table), Item=to_item(item))


def get(target: Target, table: str, **key: str) -> dict[str, Any] | None:
    found = target.client("dynamodb").get_item(TableName=target.output(table), Key=to_item(key))
    return to_plain(found["Item"]) if "Item" in found else None


def note(target: Target, kind: Kind, subject: str) -> None:
    put(
        target,
        "FindingsTable",
        kind=kind,
        subject=subject,
        device="pump-1",
        detail="out of place",
        since=NOW,
        seen_at=NOW,
    )


def admission(target: Target, certificate_id: str, outcome: str, **more: Any) -> None:
    put(target, "AdmissionsTable", certificate_id=certificate_id, outcome=outcome, execution_arn=EXECUTION, device="pump-1",
        claimed_at=NOW, reopen_at=253402300799000, **more)  # fmt: skip


def certificate(target: Target) -> str:
    """An ACTIVE one in AWS IoT; its id."""
    authority = pki.authority()
    made = pki.device(authority, "pump-1", serial=1)
    aws_environment.register_ca(authority)
    aws_environment.register_device(made, authority, "ACTIVE")
    assert target
    return aws_environment.certificate_id(made)


def status(target: Target, certificate_id: str) -> str:
    found = target.client("iot").describe_certificate(certificateId=certificate_id)
    text: str = found["certificateDescription"]["status"]
    return text


def arn_of(target: Target, certificate_id: str) -> str:
    found = target.client("iot").describe_certificate(certificateId=certificate_id)
    text: str = found["certificateDescription"]["certificateArn"]
    return text


def test_list_names_kind_subject_and_how_far_the_rounds_are(target: Target) -> None:
    note(target, ACTIVE, "aa" * 32)
    put(
        target,
        "FindingsTable",
        kind="cursor",
        subject="fleet",
        round="fleet",
        round_began=NOW,
        walk="things",
        walk_began=NOW,
    )
    said = answer("findings", "list")
    assert [(one["kind"], one["subject"]) for one in said["findings"]] == [(ACTIVE, "aa" * 32)]
    assert [one["walk"] for one in said["rounds"]] == ["things"]
    assert answer("findings", "list", "--kind", "orphan_thing")["findings"] == []
    assert "at things" in run("findings", "list").stderr


def test_undecided_certificate_is_deactivated_once_somebody_has_agreed(local_target: Target) -> None:
    target = local_target
    certificate_id = certificate(target)
    note(target, ACTIVE, certificate_id)
    ask = ("findings", "repair", ACTIVE, certificate_id, *WHY)
    assert answer(*ask, "--dry-run")["done"] is False
    run(*ask, code=1, stdin="n\n")
    assert status(target, certificate_id) == "ACTIVE"
    assert answer(*ask, "--yes")["done"] is True
    assert status(target, certificate_id) == "INACTIVE"
    assert get(target, "FindingsTable", kind=ACTIVE, subject=certificate_id) is None
    assert [(one.result, one.reason) for one in entries(target, "repair_finding")] == [
        ("begun", "Looked at it"),
        ("succeeded", "Looked at it"),
    ]
    note(target, ACTIVE, certificate_id)
    assert "nothing to repair" in run(*ask, "--yes", code=1).stderr


@pytest.mark.parametrize("outcome", ["open", "admitted"])
def test_certificate_that_was_admitted_meanwhile_is_left_active(target: Target, outcome: str) -> None:
    certificate_id = certificate(target)
    note(target, ACTIVE, certificate_id)
    admission(target, certificate_id, outcome)
    run("findings", "repair", ACTIVE, certificate_id, *WHY, "--yes", code=1)
    assert status(target, certificate_id) == "ACTIVE"


def test_nothing_is_repaired_without_a_trail(local_target: Target) -> None:
    target = local_target
    certificate_id = certificate(target)
    note(target, ACTIVE, certificate_id)
    lose_the_trail(target)
    run("findings", "repair", ACTIVE, certificate_id, *WHY, "--yes", code=3)
    assert status(target, certificate_id) == "ACTIVE"


def test_open_admission_without_execution_is_marked_failed_and_may_knock(target: Target) -> None:
    certificate_id = "aa" * 32
    note(target, "open_without_execution", certificate_id)
    admission(target, certificate_id, "open")
    answer("findings", "repair", "open_without_execution", certificate_id, *WHY, "--yes")
    row = get(target, "AdmissionsTable", certificate_id=certificate_id)
    assert row is not None
    assert row["outcome"] == "failed"
    assert row["reopen_at"] <= datetime.now(UTC).timestamp() * 1000 + 1
    assert row["evidence_key"].startswith(f"records/{certificate_id}/close-")
    (done,) = [one for one in entries(target, "repair_finding") if one.result == "succeeded"]
    assert done.new is not None
    assert done.new["evidence_key"] == row["evidence_key"]


def test_admission_that_another_execution_claims_meanwhile_is_not_closed(target: Target) -> None:
    certificate_id = "aa" * 32
    note(target, "open_without_execution", certificate_id)
    admission(target, certificate_id, "open")
    found = findings.find(target, "open_without_execution", certificate_id)
    planned = repairs.plan(target, found)
    put(target, "AdmissionsTable", certificate_id=certificate_id, outcome="open", execution_arn=f"{EXECUTION}-2")
    with pytest.raises(Exception, match="changed meanwhile"):
        repairs.repair(target, found, planned, "Looked at it")
    row = get(target, "AdmissionsTable", certificate_id=certificate_id)
    assert row is not None
    assert row["outcome"] == "open"


def test_policy_is_attached_only_if_a_sealed_record_names_it(target: Target) -> None:
    certificate_id = certificate(target)
    note(target, "active_without_policy", certificate_id)
    target.client("s3").put_object(Bucket=target.output("EvidenceBucket"), Key="records/forged.json", Body=b"{}")
    admission(target, certificate_id, "admitted", evidence_key="records/forged.json", evidence_sha256="00" * 32)
    said = run("findings", "repair", "active_without_policy", certificate_id, *WHY, "--yes", code=1).stderr
    assert "No sealed record says" in " ".join(said.split())
    assert target.client("iot").list_attached_policies(target=arn_of(target, certificate_id))["policies"] == []


def keep(target: Target, made: Record) -> Link:
    data = records.sealed(made)
    target.client("s3").put_object(Bucket=target.output("EvidenceBucket"), Key=made.key, Body=data)
    return records.link(made, data)


def test_the_policy_to_attach_is_that_of_the_admission_whatever_was_done_to_it_since(target: Target) -> None:
    certificate_id = certificate(target)
    admitted = keep(target, records.admission())
    unbound = ActRecord(
        key="records/b.json",
        certificate_id=certificate_id,
        device="pump-1",
        reason="",
        sealed_at=NOW,
        code_version="1",
        previous=admitted,
        device_previous=None,
        act="unbound",
        by="arn:aws:iam::1:user/ada",
        outcome="admitted",
    )
    last = keep(target, unbound)
    note(target, "active_without_policy", certificate_id)
    admission(target, certificate_id, "admitted", evidence_key=last.key, evidence_sha256=last.sha256)
    said = " ".join(
        run("findings", "repair", "active_without_policy", certificate_id, *WHY, "--yes", code=1).stderr.split()
    )
    arn = arn_of(target, certificate_id)
    assert f"aws iot attach-policy --policy-name gatehouse-device-1a2b --target {arn}" in said
    assert target.client("iot").list_attached_policies(target=arn)["policies"] == []


def test_device_is_unbound_only_from_the_certificate_that_its_thing_lacks(target: Target) -> None:
    certificate_id = certificate(target)
    note(target, "bound_without_certificate", "pump-1")
    put(target, "InventoryTable", lookup_key="device#pump-1", bound_certificate_id=certificate_id, bound_at=NOW,
        execution_arn=EXECUTION)  # fmt: skip
    admission(target, certificate_id, "admitted")
    target.client("iot").create_thing(thingName="pump-1")
    target.client("iot").attach_thing_principal(thingName="pump-1", principal=arn_of(target, certificate_id))
    ask = ("findings", "repair", "bound_without_certificate", "pump-1", *WHY, "--yes")
    run(*ask, code=1)
    assert get(target, "InventoryTable", lookup_key="device#pump-1") is not None
    target.client("iot").detach_thing_principal(thingName="pump-1", principal=arn_of(target, certificate_id))
    answer(*ask)
    assert get(target, "InventoryTable", lookup_key="device#pump-1") is None
    row = get(target, "AdmissionsTable", certificate_id=certificate_id)
    assert row is not None
    assert (row["outcome"], row["evidence_key"].rpartition("-")[0]) == ("admitted", f"records/{certificate_id}/unbind")
    told = run("evidence", "show", certificate_id).stdout
    assert "unbound" in told
    assert "Looked at it" in told


def test_thing_is_deleted_only_while_it_holds_nothing(local_target: Target) -> None:
    target = local_target
    certificate_id = certificate(target)
    note(target, "orphan_thing", "pump-1")
    iot = target.client("iot")
    iot.create_thing(thingName="pump-1")
    iot.attach_thing_principal(thingName="pump-1", principal=arn_of(target, certificate_id))
    ask = ("findings", "repair", "orphan_thing", "pump-1", *WHY, "--yes")
    run(*ask, code=1)
    iot.detach_thing_principal(thingName="pump-1", principal=arn_of(target, certificate_id))
    answer(*ask)
    assert iot.list_things()["things"] == []


def test_decision_that_was_lost_reopens_the_admission(target: Target) -> None:
    certificate_id = "aa" * 32
    note(target, "decision_not_carried_out", "ab" * 16)
    put(
        target,
        "ApprovalsTable",
        approval_id="ab" * 16,
        item="request",
        certificate_id=certificate_id,
        resume_state="LOST",
    )
    admission(target, certificate_id, "failed")
    answer("findings", "repair", "decision_not_carried_out", "ab" * 16, *WHY, "--yes")
    row = get(target, "AdmissionsTable", certificate_id=certificate_id)
    assert row is not None
    assert row["reopen_at"] <= datetime.now(UTC).timestamp() * 1000 + 1


def test_device_that_is_missed_cannot_be_brought_back_by_a_command_but_accepted(target: Target) -> None:
    note(target, "pending_without_admission", "aa" * 32)
    said = run("findings", "repair", "pending_without_admission", "aa" * 32, *WHY, "--yes", code=1).stderr
    assert "the device knocks again" in " ".join(said.split())
    note(target, "not_returned", "aa" * 32)
    assert "No command" in run("findings", "repair", "not_returned", "aa" * 32, *WHY, "--yes", code=1).stderr
    assert answer("findings", "accept", "not_returned", "aa" * 32, *WHY, "--dry-run")["done"] is False
    answer("findings", "accept", "not_returned", "aa" * 32, *WHY, "--yes")
    kept = get(target, "FindingsTable", kind="not_returned", subject="aa" * 32)
    assert kept is not None
    assert kept["accepted_because"] == "Looked at it"
    assert len(entries(target, "accept_finding")) == 2


def test_unknown_finding_is_said_to_be_none(target: Target) -> None:
    assert target
    assert "findings list" in run("findings", "repair", "orphan_thing", "pump-1", *WHY, code=2).stderr


def nobody_decided(target: Target) -> tuple[Kind, str]:
    return "active_without_decision", certificate(target)


def thing_without_certificate(target: Target) -> tuple[Kind, str]:
    target.client("iot").create_thing(thingName="pump-1")
    return "orphan_thing", "pump-1"


@pytest.mark.parametrize(
    ("found", "by_hand"),
    [
        (nobody_decided, "aws iot update-certificate --certificate-id {} --new-status INACTIVE"),
        (thing_without_certificate, "aws iot delete-thing --thing-name {}"),
    ],
)
@pytest.mark.parametrize("option", ["--yes", "--dry-run"])
def test_what_cannot_be_sealed_is_not_done_on_aws(target: Target, found: Any, by_hand: str, option: str) -> None:
    kind, subject = found(target)
    note(target, kind, subject)
    wrote: list[str] = []
    for service in ("iot", "dynamodb", "s3"):
        events = target.client(service).meta.events
        events.register(
            "before-call.*.*", lambda model, **_: wrote.append(model.name) if not model.name.startswith(READS) else None
        )
    said = " ".join(run("findings", "repair", kind, subject, *WHY, option, code=1).stderr.split())
    assert "does not do this on AWS yet" in said
    assert by_hand.format(subject) in said
    assert wrote == []


READS = ("Get", "List", "Describe", "Query", "Batch")


def test_no_repair_writes_a_table_but_that_of_findings_itself(target: Target) -> None:
    """What is done to admissions and bindings, `seal_act` does."""
    certificate_id = "aa" * 32
    note(target, "open_without_execution", certificate_id)
    admission(target, certificate_id, "open")
    note(target, "bound_without_certificate", "pump-2")
    admission(target, "bb" * 32, "refused")
    put(target, "InventoryTable", lookup_key="device#pump-2", bound_certificate_id="bb" * 32, bound_at=NOW,
        execution_arn=EXECUTION)  # fmt: skip
    own = target.client("dynamodb")
    wrote: set[str] = set()
    own.meta.events.register(
        "provide-client-params.dynamodb.*",
        lambda params, model, **_: wrote.add(params["TableName"]) if not model.name.startswith(READS) else None,
    )
    answer("findings", "repair", "open_without_execution", certificate_id, *WHY, "--yes")
    answer("findings", "repair", "bound_without_certificate", "pump-2", *WHY, "--yes")
    assert wrote == {target.output("FindingsTable")}
