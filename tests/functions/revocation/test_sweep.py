"""The sweep's steps, one after the other as its machine calls them: whom a list takes back, exactly once, and whom it must not."""

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from cryptography import x509

from functions.admission.take_turn.app import handler as take_turn
from functions.revocation.find_revoked.app import handler as find_revoked
from functions.revocation.report_sweep.app import handler as report_sweep
from functions.revocation.revoke_certificate.app import handler as revoke_certificate
from functions.revocation.watch_lists.app import handler as watch_lists
from functions.shared import current_lists
from functions.shared.admissions import NEVER
from functions.shared.admissions.revocation import LEASE
from tests import aws_environment, faults, pki
from tests.functions.revocation.conftest import BUCKET, Office
from workflows.dynamodb_items import to_item, to_plain
from workflows.errors import AwsUnavailable
from workflows.evidence import jws
from workflows.evidence.record import ActRecord, parse
from workflows.revocation.current_lists import list_key
from workflows.revocation.errors import AdmissionStillOpen, CrlStoreUnavailable, RevocationUnderWay


class Sweep:
    """A fleet of one CA, and the machine's order of its steps."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.dynamodb: Any = aws_environment.client("dynamodb")
        self.iot: Any = aws_environment.client("iot")

    def device(self, name: str, serial: int, outcome: str = "admitted") -> str:
        """One that Gatehouse has let in, as its row says; returns the certificate id."""
        certificate = pki.device(self.office.ca, name, serial=serial)
        status = "PENDING_ACTIVATION" if outcome in ("open", "held") else "ACTIVE"
        aws_environment.register_device(certificate, self.office.ca, status)
        certificate_id = aws_environment.certificate_id(certificate)
        row = {
            "certificate_id": certificate_id,
            "ca_certificate_id": self.office.ca_id,
            "execution_arn": f"{aws_environment.EXECUTIONS}:{name}",
            "claimed_at": pki.NOW - pki.DAY,
            "outcome": outcome,
            "reopen_at": NEVER,
            "issuer_key": self.office.issuer_key,
            "serial": f"{serial:x}",
            "device": name,
            "reason": "as expected",
        }
        self.dynamodb.put_item(TableName="Admissions", Item=to_item(row))
        return certificate_id

    def find(self, name: str = "sweep-1") -> dict[str, Any]:
        execution = aws_environment.execution(name)
        asked = {"issuer_key": self.office.issuer_key, "slot": f"{self.office.issuer_key}/complete"}
        found: dict[str, Any] = aws_environment.call(find_revoked, {**asked, "execution": execution})
        return found

    def items(self, found: dict[str, Any]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self.office.read(found["key"])) if found["key"] else []
        return items

    def revoke(self, item: dict[str, Any]) -> dict[str, Any]:
        turn = aws_environment.call(take_turn, {"lane": "sweep"})
        given = {"item": item, "turn_at": turn["turn_at"], "execution": aws_environment.execution("child")}
        answer: dict[str, Any] = aws_environment.call(revoke_certificate, given)
        return answer

    def report(self, found: dict[str, Any]) -> dict[str, Any]:
        execution = aws_environment.execution("sweep-1")
        answer: dict[str, Any] = aws_environment.call(report_sweep, {"found": found, "execution": execution})
        return answer

    def run(self, name: str = "sweep-1") -> dict[str, Any]:
        """The whole machine; a child that fails is tolerated."""
        found = self.find(name)
        for item in self.items(found):
            try:
                self.revoke(item)
            except AdmissionStillOpen:
                continue
        return self.report(found)

    def status(self, certificate_id: str) -> str:
        found = self.iot.describe_certificate(certificateId=certificate_id)
        status: str = found["certificateDescription"]["status"]
        return status

    def row(self, certificate_id: str) -> dict[str, Any]:
        key = {"certificate_id": {"S": certificate_id}}
        return to_plain(self.dynamodb.get_item(TableName="Admissions", Key=key)["Item"])

    def end(self, certificate_id: str, outcome: str) -> None:
        """The admission's execution closes it."""
        self.dynamodb.update_item(
            TableName="Admissions",
            Key={"certificate_id": {"S": certificate_id}},
            UpdateExpression="SET outcome = :outcome",
            ExpressionAttributeValues={":outcome": {"S": outcome}},
        )

    def current(self) -> str:
        """The key of the list that is current."""
        [slot] = current_lists.load(BUCKET, self.office.issuer_key).slots.values()
        return list_key(slot.record)

    def owed(self) -> bool:
        return any(one.sweep_is_owed for one in current_lists.load(BUCKET, self.office.issuer_key).slots.values())


@pytest.fixture
def sweep(office: Office) -> Sweep:
    found = Sweep(office)
    office.publish(office.revoking(1, number=1))
    found.run("sweep-0")
    return found


def test_who_is_newly_revoked_is_taken_back_with_proof(sweep: Sweep, inbox: aws_environment.Inbox) -> None:
    gone, kept = sweep.device("pump-1", 7), sweep.device("pump-2", 8)
    published = sweep.office.publish(sweep.office.revoking(1, 7, 999, number=2))
    assert published["sweep"].endswith("-1")
    report = sweep.run()
    assert (report["newly_listed"], report["revoked"], report["left"]) == (2, 1, 0)
    assert [sweep.status(gone), sweep.status(kept)] == ["REVOKED", "ACTIVE"]
    row = sweep.row(gone)
    assert (row["outcome"], row["reopen_at"]) == ("refused", NEVER)
    assert "by list 2" in row["reason"]
    data = boto3.client("s3").get_object(Bucket="gatehouse-evidence", Key=row["evidence_key"])["Body"].read()
    act = parse(jws.parse(data)[1])
    assert isinstance(act, ActRecord)
    assert (act.act, act.device, act.revocation and act.revocation.status) == ("revoked", "pump-1", "revoked")
    assert not sweep.owed()
    mails, events = inbox.read()
    assert [mail["Subject"] for mail in mails] == ["Gatehouse: list 2 revokes 1 devices"]
    assert [event["detail-type"] for event in events] == ["Gatehouse Certificate Revoked", "Gatehouse Sweep Ended"]


def test_a_list_that_changes_nothing_tells_nobody(sweep: Sweep, inbox: aws_environment.Inbox) -> None:
    sweep.device("pump-1", 7)
    sweep.office.publish(sweep.office.revoking(1, number=2))
    assert sweep.run()["revoked"] == 0
    mails, _ = inbox.read()
    assert mails == []
    assert not sweep.owed()


def test_the_same_serial_of_another_ca_is_left_alone(sweep: Sweep) -> None:
    other = Sweep(Office.__new__(Office))
    other.office.ca = pki.authority("Another CA")
    other.office.ca_id = aws_environment.register_ca(other.office.ca)
    other.office.issuer_key = "0" * 64
    theirs = other.device("pump-9", 7)
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    sweep.run()
    assert sweep.status(theirs) == "ACTIVE"


def test_who_is_refused_is_left_alone(sweep: Sweep) -> None:
    sweep.device("pump-1", 7, "refused")
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    assert sweep.run()["revoked"] == 0
    assert not sweep.owed()


def test_one_that_is_held_is_taken_back_as_its_next_knock_would_be(sweep: Sweep) -> None:
    certificate_id = sweep.device("pump-1", 7, "held")
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    assert sweep.run()["revoked"] == 1
    assert (sweep.status(certificate_id), sweep.row(certificate_id)["outcome"]) == ("REVOKED", "refused")


def test_one_whose_activation_was_cut_off_is_taken_back_though_its_admission_ends_as_held(sweep: Sweep) -> None:
    """It crashed just after AWS IoT had set the certificate ACTIVE; its repeat found the mark."""
    certificate_id = sweep.device("pump-1", 7, "open")
    sweep.iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE")
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    found = sweep.find()
    [item] = sweep.items(found)
    with pytest.raises(AdmissionStillOpen):
        sweep.revoke(item)
    sweep.end(certificate_id, "held")
    assert sweep.report(found)["left"] == 1, "over since its child gave up, and not revoked"
    assert sweep.owed()
    assert sweep.run("sweep-2")["revoked"] == 1
    assert (sweep.status(certificate_id), sweep.row(certificate_id)["outcome"]) == ("REVOKED", "refused")
    assert not sweep.owed()


def test_a_failed_admission_may_have_activated_and_is_taken_back(sweep: Sweep) -> None:
    certificate_id = sweep.device("pump-1", 7, "failed")
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    sweep.run()
    assert sweep.status(certificate_id) == "REVOKED"


def test_an_open_admission_is_marked_and_the_sweep_stays_owed_until_it_is_over(sweep: Sweep) -> None:
    certificate_id = sweep.device("pump-1", 7, "open")
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    report = sweep.run()
    assert (report["still_open"], report["revoked"], report["left"]) == (1, 0, 0)
    assert sweep.row(certificate_id)["revoked_by"] == report["list_sha256"]
    assert sweep.owed()
    sweep.end(certificate_id, "admitted")
    assert sweep.run("sweep-2")["revoked"] == 1
    assert sweep.status(certificate_id) == "REVOKED"
    assert not sweep.owed()


def test_wherever_a_child_dies_its_repeat_ends_the_same(sweep: Sweep) -> None:
    certificate_id = sweep.device("pump-1", 7)
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    [item] = sweep.items(sweep.find())
    for died_at in range(1, 20):
        try:
            with faults.dying_after(died_at):
                sweep.revoke(item)
        except faults.Died:
            continue
    assert sweep.revoke(item)["status"] in ("revoked", "unchanged")
    assert sweep.status(certificate_id) == "REVOKED"
    assert sweep.row(certificate_id)["outcome"] == "refused"
    kept = boto3.client("s3").list_objects_v2(Bucket="gatehouse-evidence", Prefix="records/")["Contents"]
    assert len(kept) == 1, "one act, one record"
    assert sweep.row(certificate_id)["evidence_key"] == kept[0]["Key"]


def test_who_is_taken_back_does_not_hang_on_files_that_somebody_lost(sweep: Sweep) -> None:
    """Without the list before, everything on the new one is new; the CA's certificate is asked of AWS IoT."""
    certificate_id = sweep.device("pump-1", 1)
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    for key in sweep.office.keys("issuers/") + [key for key in sweep.office.keys("lists/") if key != sweep.current()]:
        sweep.office.s3.delete_object(Bucket=BUCKET, Key=key)
    aws_environment.reset_caches()
    assert sweep.run()["newly_listed"] == 2
    assert sweep.status(certificate_id) == "REVOKED"


def test_attack_another_certificate_below_issuers_keeps_no_revoked_device_in(sweep: Sweep) -> None:
    certificate_id = sweep.device("pump-1", 7)
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    sweep.office.write(f"issuers/{sweep.office.ca_id}.pem", pki.authority("Other").pem.encode())
    aws_environment.reset_caches()
    sweep.run()
    assert sweep.status(certificate_id) == "REVOKED"


def test_a_sweep_whose_findings_are_lost_is_not_called_swept(sweep: Sweep) -> None:
    sweep.device("pump-1", 7)
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    found = sweep.find()
    sweep.office.s3.delete_object(Bucket=BUCKET, Key=found["key"])
    with pytest.raises(AwsUnavailable, match="not in the bucket"):
        sweep.report(found)
    assert sweep.owed()


def test_who_could_not_be_revoked_is_found_again_and_nobody_else(sweep: Sweep) -> None:
    first, second = sweep.device("pump-1", 7), sweep.device("pump-2", 8)
    sweep.office.publish(sweep.office.revoking(1, 7, 8, number=2))
    found = sweep.find()
    sweep.revoke(next(item for item in sweep.items(found) if item["certificate_id"] == first))
    report = sweep.report(found)
    assert (report["revoked"], report["left"]) == (1, 1)
    assert sweep.owed()
    assert [item["certificate_id"] for item in sweep.items(sweep.find("sweep-2"))] == [second]
    sweep.run("sweep-3")
    assert not sweep.owed()


def test_a_newer_list_makes_good_what_the_sweep_of_the_last_one_missed(sweep: Sweep) -> None:
    """The comparison is with the last list that was swept, not with the last one that was current."""
    certificate_id = sweep.device("pump-1", 7)
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    sweep.office.publish(sweep.office.revoking(1, 7, 8, number=3))
    sweep.run()
    assert sweep.status(certificate_id) == "REVOKED"


def test_a_revocation_that_is_withdrawn_is_a_question_and_reactivates_nothing(
    sweep: Sweep, inbox: aws_environment.Inbox
) -> None:
    certificate_id = sweep.device("pump-1", 7)
    hold = pki.entry(7, reason=x509.ReasonFlags.certificate_hold)
    sweep.office.publish(pki.revocation_list(sweep.office.ca, [1, hold], number=2))
    sweep.run()
    inbox.read()
    sweep.office.publish(sweep.office.revoking(1, number=3))
    assert sweep.run("sweep-2")["released"] == 1
    assert (sweep.status(certificate_id), sweep.row(certificate_id)["outcome"]) == ("REVOKED", "refused")
    [mail], events = inbox.read()
    assert "may these devices come back?" in mail["Subject"]
    assert certificate_id in mail["Message"]
    assert "Gatehouse Revocation Withdrawn" in [event["detail-type"] for event in events]
    assert len(sweep.office.keys("questions/")) == 1


def test_what_a_newer_delta_takes_back_is_not_revoked(sweep: Sweep) -> None:
    certificate_id = sweep.device("pump-1", 7)
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    removed = pki.entry(7, reason=x509.ReasonFlags.remove_from_crl)
    delta = pki.revocation_list(sweep.office.ca, [removed], number=3, extensions=[(x509.DeltaCRLIndicator(2), True)])
    assert sweep.office.publish(delta)["status"] == "accepted"
    sweep.run()
    assert sweep.status(certificate_id) == "ACTIVE"


def test_many_new_entries_are_found_by_one_reading_of_the_partition(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.revocation.find_revoked.admitted.FEW", 3)
    ids = {sweep.device(f"pump-{serial}", serial) for serial in (7, 8, 9)}
    sweep.device("pump-50", 50)
    sweep.office.publish(sweep.office.revoking(1, 7, 8, 9, 10, number=2))
    with faults.page_size("dynamodb", "Query", Limit=2) as pages:
        assert {item["certificate_id"] for item in sweep.items(sweep.find())} == ids
    assert len(pages) > 1


def test_a_damaged_list_sweeps_nobody(sweep: Sweep) -> None:
    sweep.device("pump-1", 7)
    published = sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    sweep.office.write(published["list_key"], b"damaged")
    aws_environment.reset_caches()
    with pytest.raises(CrlStoreUnavailable):
        sweep.find()


def test_a_sweep_of_an_older_list_does_not_pay_for_a_newer_one(sweep: Sweep) -> None:
    sweep.office.publish(sweep.office.revoking(1, number=2))
    found = sweep.find()
    sweep.office.publish(sweep.office.revoking(1, 7, number=3))
    sweep.report(found)
    assert sweep.owed()


def test_a_certificate_that_is_gone_is_noted(sweep: Sweep) -> None:
    certificate_id = sweep.device("pump-1", 7)
    sweep.iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
    sweep.iot.delete_certificate(certificateId=certificate_id)
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    [item] = sweep.items(sweep.find())
    assert "not in AWS IoT any more" in sweep.revoke(item)["note"]


def watch() -> dict[str, Any]:
    answer: dict[str, Any] = aws_environment.call(watch_lists, {})
    return answer


def test_freshness_is_measured_by_the_list_that_goes_stale_first(
    sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep.office.publish(sweep.office.revoking(1, number=2, next_update=pki.NOW + 5 * pki.HOUR))
    capsys.readouterr()
    assert watch()["hours_left"] == {sweep.office.issuer_key: 5.0}
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [(found["CrlHoursLeft"], found["CrlIssuers"]) for found in metrics] == [([5.0], [1.0])]


def test_the_operators_maximum_age_ends_a_lists_life_too(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep.office.publish(sweep.office.revoking(1, number=2, next_update=pki.NOW + 3000 * pki.DAY))
    aws_environment.set_clock(monkeypatch, pki.NOW + 45 * pki.DAY)
    [hours] = watch()["hours_left"].values()
    assert hours == pytest.approx(-1.0)


def test_an_owed_sweep_is_started_again_unless_one_runs(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    assert watch()["started"] == [], "its own sweep has just been started"
    aws_environment.set_clock(monkeypatch, pki.NOW + pki.HOUR)
    sfn = aws_environment.client("stepfunctions")
    [running] = sfn.list_executions(stateMachineArn=sfn.list_state_machines()["stateMachines"][0]["stateMachineArn"])[
        "executions"
    ][:1]
    assert watch()["started"] == [], f"{running['name']} runs"
    for one in sfn.list_executions(stateMachineArn=running["stateMachineArn"])["executions"]:
        sfn.stop_execution(executionArn=one["executionArn"])
    assert len(watch()["started"]) == 1
    assert watch()["started"] == [], "it runs"


def test_without_lists_nothing_is_said_of_hours(office: Office) -> None:
    assert office
    assert watch() == {"status": "watched", "hours_left": {}, "started": []}


# --- Two sweeps at once ---------------------------------------------------------------------------------------------------


@pytest.fixture
def overlapping(sweep: Sweep) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A device that two lists revoke, the second published before the first is swept: both sweeps have found it."""
    gone = sweep.device("pump-1", 7)
    sweep.office.publish(sweep.office.revoking(1, 7, number=2))
    first = sweep.find("sweep-1")
    sweep.office.publish(sweep.office.revoking(1, 7, number=3))
    return gone, first, sweep.find("sweep-2")


def records(certificate_id: str) -> list[str]:
    found = boto3.client("s3").list_objects_v2(Bucket="gatehouse-evidence", Prefix=f"records/{certificate_id}/")
    return [one["Key"] for one in found.get("Contents", [])]


@pytest.mark.parametrize(
    "call", [("iot", "UpdateCertificate"), ("kms", "Sign"), ("s3", "PutObject"), ("events", "PutEvents")]
)
def test_sweeps_of_two_lists_that_overlap_seal_one_revocation(
    sweep: Sweep, overlapping: Any, inbox: aws_environment.Inbox, call: tuple[str, str]
) -> None:
    """Wherever the first one stands: the second tries again, and finds it done."""
    gone, first, second = overlapping
    [item], [later] = sweep.items(first), sweep.items(second)
    met: list[str] = []

    def meanwhile() -> None:
        with pytest.raises(RevocationUnderWay, match="is being revoked by"):
            sweep.revoke(later)
        met.append("under way")

    with faults.before(*call, meanwhile):
        assert sweep.revoke(item)["status"] == "revoked"
    assert met == ["under way"]
    assert sweep.revoke(later)["status"] == "unchanged"
    assert len(records(gone)) == 1
    for found in (first, second):
        report = sweep.report(found)
        assert (report["revoked"], report["still_open"], report["left"]) == (1, 0, 0)
    assert [event["detail-type"] for event in inbox.read()[1]].count("Gatehouse Certificate Revoked") == 1


def test_a_sweep_that_died_half_way_keeps_nobody_away_for_long(
    sweep: Sweep, overlapping: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, first, second = overlapping
    [item], [later] = sweep.items(first), sweep.items(second)
    with faults.refused("iot", "UpdateCertificate", "ThrottlingException", times=9), pytest.raises(AwsUnavailable):
        sweep.revoke(item)
    with pytest.raises(RevocationUnderWay):
        sweep.revoke(later)
    aws_environment.set_clock(monkeypatch, pki.NOW + LEASE + timedelta(seconds=1))
    assert sweep.revoke(later)["status"] == "revoked"
    assert (sweep.status(gone), len(records(gone))) == ("REVOKED", 1)
