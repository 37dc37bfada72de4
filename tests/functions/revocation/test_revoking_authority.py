"""A CA is revoked as a whole: every certificate that AWS IoT has of it goes the way of one that a list revokes, with its own proof."""

from datetime import datetime
from typing import Any

import boto3
import pytest

from functions.admission.claim_admission.app import handler as claim_admission
from functions.revocation.find_revoked.app import handler as find_revoked
from functions.revocation.report_sweep.app import handler as report_sweep
from functions.shared.admissions import NEVER
from tests import aws_environment, faults, pki
from tests.functions.revocation.conftest import Office
from tests.functions.revocation.test_sweep import Sweep, watch
from workflows.evidence import jws
from workflows.evidence.record import ActRecord, parse
from workflows.revocation import ca_revocation
from workflows.revocation.ca_revocation import AuthorityRevocation, Order
from workflows.revocation.errors import AdmissionStillOpen, RevocationUnderWay

OPERATOR = "arn:aws:iam::123456789012:user/ada"
LATER = pki.NOW + 2 * ca_revocation.SETTLED


class Revoking(Sweep):
    """The sweep of a CA that an operator has revoked."""

    def order(self, trail_id: str = "7" * 32) -> AuthorityRevocation:
        found = AuthorityRevocation(
            ca_certificate_id=self.office.ca_id,
            subject="CN=Works CA",
            issuer_key=self.office.issuer_key,
            by=OPERATOR,
            reason="its key was found on a laptop",
            at=pki.NOW,
            trail_id=trail_id,
        )
        self.office.write(ca_revocation.key_of(self.office.ca_id), ca_revocation.write(Order(revocation=found)))
        return found

    def find(self, name: str = "sweep-1", started_at: datetime = pki.NOW) -> dict[str, Any]:
        asked = {"issuer_key": self.office.issuer_key, "slot": None, "authority": self.office.ca_id}
        execution = aws_environment.execution(name, started_at)
        found: dict[str, Any] = aws_environment.call(find_revoked, {**asked, "execution": execution})
        return found

    def look_again(self) -> dict[str, Any]:
        """A sweep that began long enough after the order."""
        found = self.find("sweep-2", LATER)
        for item in self.items(found):
            self.revoke(item)
        execution = aws_environment.execution("sweep-2", LATER)
        report: dict[str, Any] = aws_environment.call(report_sweep, {"found": found, "execution": execution})
        return report

    def registered(self, name: str, status: str) -> str:
        """One that never knocked."""
        certificate = pki.device(self.office.ca, name)
        aws_environment.register_device(certificate, self.office.ca, status)
        return aws_environment.certificate_id(certificate)

    def set(self, certificate_id: str, **values: str) -> None:
        self.dynamodb.update_item(
            TableName="Admissions",
            Key={"certificate_id": {"S": certificate_id}},
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in values),
            ExpressionAttributeValues={f":{name}": {"S": value} for name, value in values.items()},
        )

    def record(self, certificate_id: str) -> ActRecord:
        key = self.row(certificate_id)["evidence_key"]
        data = boto3.client("s3").get_object(Bucket="gatehouse-evidence", Key=key)["Body"].read()
        act = parse(jws.parse(data)[1])
        assert isinstance(act, ActRecord)
        return act

    def ended(self) -> bool:
        data = self.office.read(ca_revocation.key_of(self.office.ca_id))
        return ca_revocation.read(data, self.office.ca_id).ended_at is not None


@pytest.fixture
def sweep(office: Office) -> Revoking:
    return Revoking(office)


def test_every_certificate_of_the_ca_is_revoked_with_proof_of_who_and_why(
    sweep: Revoking, inbox: aws_environment.Inbox
) -> None:
    admitted, failed, held = (sweep.device(name, 7, name) for name in ("admitted", "failed", "held"))
    refused = sweep.device("refused", 8, "refused")
    sweep.iot.update_certificate(certificateId=refused, newStatus="INACTIVE")
    strangers = [sweep.registered("active", "ACTIVE"), sweep.registered("pending", "PENDING_ACTIVATION")]
    gone = sweep.registered("gone", "REVOKED")
    other = pki.authority("Another CA")
    aws_environment.register_ca(other)
    theirs = pki.device(other, "theirs")
    aws_environment.register_device(theirs, other, "ACTIVE")

    order = sweep.order()
    report = sweep.run()
    taken = [admitted, failed, held, refused, *strangers]
    assert (report["newly_listed"], report["revoked"], report["still_open"], report["left"]) == (7, 6, 0, 0)
    assert {sweep.status(one) for one in taken} == {"REVOKED"}
    assert sweep.status(aws_environment.certificate_id(theirs)) == "ACTIVE"
    for one in taken:
        row, act = sweep.row(one), sweep.record(one)
        assert (row["outcome"], row["reopen_at"], row["reason"]) == ("refused", NEVER, act.reason)
        assert (act.act, act.outcome, act.revocation, act.authority) == ("revoked", "refused", None, order)
        assert f"by {OPERATOR}: its key was found on a laptop" in act.reason
    assert sweep.record(admitted).device == "admitted"
    assert gone not in [item["certificate_id"] for item in sweep.items(sweep.find("sweep-2"))]
    mails, events = inbox.read()
    assert [mail["Subject"] for mail in mails] == ["Gatehouse: a CA was revoked, and with it 6 certificates"]
    assert OPERATOR in mails[0]["Message"]
    assert "found on a laptop" in mails[0]["Message"]
    assert [event["detail-type"] for event in events].count("Gatehouse Certificate Revoked") == 6


def test_without_an_order_nobody_is_revoked(sweep: Revoking) -> None:
    """Whoever can start the machine cannot take a fleet down by what they give it."""
    certificate_id = sweep.device("pump-1", 7)
    assert sweep.run()["revoked"] == 0
    assert sweep.status(certificate_id) == "ACTIVE"


def test_an_order_for_another_ca_is_none(sweep: Revoking) -> None:
    order = Order(revocation=sweep.order())
    with pytest.raises(ca_revocation.OrderInvalid, match="another CA"):
        ca_revocation.read(ca_revocation.write(order), "b" * 64)
    sweep.office.write(ca_revocation.key_of(sweep.office.ca_id), b"{}")
    with pytest.raises(ca_revocation.OrderInvalid):
        sweep.find()


def test_it_is_done_once_a_sweep_that_began_later_finds_nobody(sweep: Revoking, inbox: aws_environment.Inbox) -> None:
    """AWS IoT's list may lag behind the moment at which the CA was disabled."""
    sweep.device("pump-1", 7)
    sweep.order()
    sweep.run()
    assert not sweep.ended()
    late = sweep.registered("late", "PENDING_ACTIVATION")
    assert sweep.look_again()["revoked"] == 1
    assert sweep.ended()
    assert sweep.status(late) == "REVOKED"
    inbox.read()
    assert sweep.look_again()["revoked"] == 0
    assert inbox.read()[0] == []


def test_a_first_knock_after_it_starts_no_admission(sweep: Revoking) -> None:
    certificate_id = sweep.registered("pump-1", "PENDING_ACTIVATION")
    sweep.order()
    sweep.run()
    event = aws_environment.registration_event(certificate_id, sweep.office.ca_id)
    claim = aws_environment.call(claim_admission, {"event": event, "execution": aws_environment.execution("knock")})
    assert claim["status"] == "duplicate"


def test_a_held_one_that_may_knock_again_does_not(sweep: Revoking) -> None:
    """No list says that it is revoked: its next admission would find nothing against it."""
    certificate_id = sweep.device("pump-1", 7, "held")
    sweep.dynamodb.update_item(
        TableName="Admissions",
        Key={"certificate_id": {"S": certificate_id}},
        UpdateExpression="SET reopen_at = :past",
        ExpressionAttributeValues={":past": {"N": "0"}},
    )
    sweep.order()
    [item] = sweep.items(sweep.find())
    event = aws_environment.registration_event(certificate_id, sweep.office.ca_id)
    knock = {"event": event, "execution": aws_environment.execution("knock")}
    claims: list[Any] = []
    with faults.before("iot", "UpdateCertificate", lambda: claims.append(aws_environment.call(claim_admission, knock))):
        sweep.revoke(item)
    assert [claim["status"] for claim in claims] == ["duplicate"]


def test_an_open_admission_is_revoked_at_once_and_sealed_when_it_is_over(sweep: Revoking) -> None:
    certificate_id = sweep.device("pump-1", 7, "open")
    order = sweep.order()
    [item] = sweep.items(sweep.find())
    with faults.listening("iot", "UpdateCertificate") as asked:
        for _ in range(3):
            with pytest.raises(AdmissionStillOpen):
                sweep.revoke(item)
    assert len(asked) == 1, "each call has its turn; a repeat takes none"
    row = sweep.row(certificate_id)
    assert (sweep.status(certificate_id), row["outcome"], row["revoked_by"]) == ("REVOKED", "open", order.mark)
    report = sweep.run()
    assert (report["revoked"], report["still_open"], report["left"]) == (0, 1, 0)

    sweep.set(certificate_id, outcome="held")
    report = sweep.look_again()
    assert (report["revoked"], report["still_open"]) == (1, 0)
    assert sweep.row(certificate_id)["outcome"] == "refused"
    assert sweep.record(certificate_id).authority == order
    assert sweep.ended()


def test_one_that_was_activated_while_it_was_open_is_revoked_again(sweep: Revoking) -> None:
    """Its activation had looked at the admission just before it was marked."""
    certificate_id = sweep.device("pump-1", 7, "open")
    sweep.order()
    sweep.run()
    sweep.iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE")
    sweep.set(certificate_id, outcome="admitted")
    assert sweep.look_again()["revoked"] == 1
    assert sweep.status(certificate_id) == "REVOKED"


@pytest.mark.parametrize("knocked", [True, False])
def test_wherever_a_child_dies_its_repeat_ends_the_same(sweep: Revoking, knocked: bool) -> None:
    certificate_id = sweep.device("pump-1", 7) if knocked else sweep.registered("pump-1", "ACTIVE")
    sweep.order()
    [item] = sweep.items(sweep.find())
    for died_at in range(1, 20):
        try:
            with faults.dying_after(died_at):
                sweep.revoke(item)
        except faults.Died:
            continue
    assert sweep.status(certificate_id) == "REVOKED"
    assert sweep.row(certificate_id)["outcome"] == "refused"
    kept = boto3.client("s3").list_objects_v2(Bucket="gatehouse-evidence", Prefix="records/")["Contents"]
    assert [one["Key"] for one in kept] == [sweep.row(certificate_id)["evidence_key"]], "one act, one record"


@pytest.mark.parametrize("knocked", [True, False])
def test_wherever_a_sweep_dies_the_next_one_finds_who_is_not_sealed(sweep: Revoking, knocked: bool) -> None:
    certificate_id = sweep.device("pump-1", 7) if knocked else sweep.registered("pump-1", "ACTIVE")
    order = sweep.order()
    [item] = sweep.items(sweep.find())
    for died_at in range(1, 20):
        try:
            with faults.dying_after(died_at):
                sweep.revoke(item)
        except faults.Died:
            found = sweep.find()
            if not found["revoked"]:
                break
            report = sweep.report(found)
            assert (report["revoked"], report["left"]) in ((0, 1), (1, 0))
    assert sweep.record(certificate_id).authority == order
    assert sweep.row(certificate_id)["outcome"] == "refused"
    assert sweep.find()["revoked"] == 0


def test_one_that_was_refused_before_is_not_taken_for_revoked(sweep: Revoking) -> None:
    certificate_id = sweep.device("pump-1", 7, "refused")
    sweep.iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
    sweep.order()
    report = sweep.report(sweep.find())
    assert (report["revoked"], report["left"]) == (0, 1)


def test_a_certificate_that_was_deleted_meanwhile_is_noted(sweep: Revoking) -> None:
    certificate_id = sweep.device("pump-1", 7)
    sweep.order()
    [item] = sweep.items(sweep.find())
    sweep.iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
    sweep.iot.delete_certificate(certificateId=certificate_id)
    assert "not in AWS IoT any more" in sweep.revoke(item)["note"]


def test_a_second_order_for_the_same_ca_is_another_act(sweep: Revoking) -> None:
    """The CA was enabled again, and somebody set a certificate ACTIVE."""
    certificate_id = sweep.device("pump-1", 7)
    sweep.order()
    sweep.run()
    first = sweep.row(certificate_id)["evidence_key"]
    sweep.iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE")
    sweep.order("8" * 32)
    assert sweep.run("sweep-3")["revoked"] == 1
    record = sweep.record(certificate_id)
    assert record.previous is not None
    assert record.previous.key == first


def test_a_sweep_that_is_owed_is_started_until_it_is_done(sweep: Revoking, monkeypatch: pytest.MonkeyPatch) -> None:
    order = sweep.order()
    assert watch()["started"] == [], "its own sweep has just been started"
    aws_environment.set_clock(monkeypatch, LATER)
    [started] = watch()["started"]
    assert started.rpartition(":")[2].startswith(order.executions)
    assert watch()["started"] == [], "it runs"
    sweep.look_again()
    sfn = aws_environment.client("stepfunctions")
    sfn.stop_execution(executionArn=started)
    aws_environment.set_clock(monkeypatch, LATER + pki.HOUR)
    assert watch()["started"] == []


def test_what_an_operator_writes_meanwhile_stands(sweep: Revoking) -> None:
    sweep.order()
    key = ca_revocation.key_of(sweep.office.ca_id)
    with faults.before("s3", "PutObject", lambda: sweep.order("8" * 32), Key=key):
        sweep.look_again()
    kept = ca_revocation.read(sweep.office.read(key), sweep.office.ca_id)
    assert (kept.ended_at, kept.revocation.trail_id) == (None, "8" * 32)


@pytest.mark.parametrize("first", ["list", "authority"])
def test_the_sweeps_of_a_list_and_of_its_ca_report_no_failure_when_they_meet(sweep: Revoking, first: str) -> None:
    certificate_id = sweep.device("pump-1", 7)
    sweep.office.publish(sweep.office.revoking(7, number=2))
    [listed] = Sweep.items(sweep, of_list := Sweep.find(sweep, "sweep-list"))
    order = sweep.order()
    [ordered] = sweep.items(of_authority := sweep.find())
    one, other = (listed, ordered) if first == "list" else (ordered, listed)

    def meanwhile() -> None:
        with pytest.raises(RevocationUnderWay):
            sweep.revoke(other)

    with faults.before("kms", "Sign", meanwhile):
        sweep.revoke(one)
    sweep.revoke(other)
    assert sweep.row(certificate_id)["closed_by"] == order.mark
    for found in (of_list, of_authority):
        report = sweep.report(found)
        assert (report["revoked"], report["still_open"], report["left"]) == (1, 0, 0)
    assert sweep.find("sweep-3", LATER)["revoked"] == 0
