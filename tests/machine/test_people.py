"""The ways through the graph on which somebody is asked."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from tests import aws_environment, pki
from tests.machine import harness, people
from tests.machine.conftest import Fleet
from tests.machine.test_paths import NO_TAIL, raising
from tests.template.test_statemachine import from_on, up_to
from workflows.admission.errors import ApprovalLapsed, CertificateChanged, TurnLost
from workflows.approval.request import approval_id
from workflows.dynamodb_items import to_plain
from workflows.errors import AwsUnavailable

ASKED = [*up_to("Who decides?"), "Request approval"]
AGAIN = [
    "Read decision",
    "What was decided?",
    "Take turn",
    "Wait for turn again",
    "Check CRL again",
    "Is it revoked now?",
    "Look up device again",
    "Is it still what was approved?",
]


class Case:
    """One device that people are asked about."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        fleet.expect("pump-0002", product="infusion-pump")
        self.certificate: x509.Certificate = fleet.device("pump-0002")
        self.certificate_id = aws_environment.certificate_id(self.certificate)
        self.quality = people.claims("quinn", "quality")
        self.security = people.claims("sam", "security")

    def asks(self) -> str:
        """The device knocks; returns the ARN of the execution that now waits for people."""
        arn = self.fleet.machine.start(self.fleet.registers(self.certificate))
        self.fleet.machine.waiting_in(arn, "Request approval")
        self.fleet.machine.settled("request_approval")
        return arn

    def vote(self, arn: str, who: dict[str, str], decision: str = "approve") -> int:
        status, _ = people.vote(arn, self.certificate_id, who, decision)
        return status

    def approved(self, arn: str) -> None:
        assert self.vote(arn, self.quality) == 200
        assert self.vote(arn, self.security) == 200

    def ends(self, arn: str) -> harness.Run:
        people.resume_due()
        return self.fleet.machine.ended(arn)

    def request(self, arn: str) -> dict[str, Any]:
        key = {"approval_id": {"S": approval_id(arn, self.certificate_id)}, "item": {"S": "request"}}
        return to_plain(self.fleet.client("dynamodb").get_item(TableName="Approvals", Key=key)["Item"])


@pytest.fixture
def case(fleet: Fleet) -> Case:
    return Case(fleet)


def test_two_people_of_two_groups_admit_a_device(case: Case) -> None:
    arn = case.asks()
    assert case.fleet.status(case.certificate) == "PENDING_ACTIVATION"
    case.approved(arn)
    run = case.ends(arn)
    assert run.states == [*ASKED, *AGAIN, *from_on("Activate certificate")]
    assert (run.status, run.output["outcome"]) == ("SUCCEEDED", "admitted")
    assert case.fleet.status(case.certificate) == "ACTIVE"
    assert case.request(arn)["resume_state"] == "DELIVERED"


def test_a_lost_turn_is_taken_again_and_everything_is_checked_again(case: Case) -> None:
    """So is the turn of an execution that is redriven after days: it lapsed."""
    case.fleet.machine.faults["activate_certificate"] = raising(TurnLost("needed by another lane"), times=1)
    arn = case.asks()
    case.approved(arn)
    run = case.ends(arn)
    assert run.states == [*ASKED, *AGAIN, "Activate certificate", *AGAIN[2:], *from_on("Activate certificate")]
    assert run.output["outcome"] == "admitted"


def test_one_person_is_not_enough(case: Case) -> None:
    arn = case.asks()
    assert case.vote(arn, case.quality) == 200
    people.resume_due()
    assert case.fleet.machine.state(arn) == "Request approval"
    assert case.fleet.status(case.certificate) == "PENDING_ACTIVATION"
    assert case.vote(arn, case.security) == 200
    assert case.ends(arn).output["outcome"] == "admitted"


def test_one_rejection_refuses_and_sets_inactive(case: Case) -> None:
    arn = case.asks()
    assert case.vote(arn, case.security, "reject") == 200
    run = case.ends(arn)
    assert run.states == [*ASKED, "Read decision", "What was decided?", "Refuse certificate", *NO_TAIL, "Refused"]
    assert case.fleet.status(case.certificate) == "INACTIVE"


def test_nobody_decides_in_time_and_the_device_is_held(case: Case) -> None:
    case.fleet.machine.faults["look_up_device"] = _times_out_at_once
    arn = case.fleet.machine.start(case.fleet.registers(case.certificate))
    case.fleet.machine.waiting_in(arn, "Request approval")
    case.fleet.later(days=2)
    run = case.fleet.machine.ended(arn)
    assert run.states == [*ASKED, "Read decision", "What was decided?", "Hold", *NO_TAIL, "Held"]
    assert case.fleet.status(case.certificate) == "PENDING_ACTIVATION"
    assert case.request(arn)["status"] == "EXPIRED"


def _times_out_at_once(_: dict[str, Any], call: Any) -> Any:
    """The state's TimeoutSeconds is decide_within plus 300: two seconds here."""
    decision = call()
    decision["ruling"]["decide_within"] = -298
    return decision


def test_a_callback_without_a_decision_goes_back_to_waiting(case: Case) -> None:
    """IAM cannot say whose tokens a role may answer: somebody else's "approved" must be worth nothing."""
    tokens = []

    def overhear(payload: dict[str, Any], call: Any) -> Any:
        tokens.append(payload["task_token"])
        return call()

    case.fleet.machine.faults["request_approval"] = overhear
    arn = case.asks()
    forged = '{"status": "approved"}'
    case.fleet.client("stepfunctions").send_task_success(taskToken=tokens[0], output=forged)
    case.fleet.machine.called("request_approval", times=2)
    case.fleet.machine.waiting_in(arn, "Request approval")
    assert case.fleet.status(case.certificate) == "PENDING_ACTIVATION"
    case.approved(arn)
    run = case.ends(arn)
    assert run.states == [*ASKED, "Read decision", "Request approval", *AGAIN, *from_on("Activate certificate")]


def test_revoked_while_people_thought(case: Case) -> None:
    arn = case.asks()
    case.approved(arn)
    case.fleet.publish_list(case.certificate, number=2)
    run = case.ends(arn)
    assert run.states[-6:] == ["Is it revoked now?", "Refuse certificate", *NO_TAIL, "Refused"]
    assert case.fleet.status(case.certificate) == "REVOKED"


def test_the_list_went_stale_while_people_thought(case: Case) -> None:
    arn = case.asks()
    case.approved(arn)
    case.fleet.withdraw_lists()
    run = case.ends(arn)
    assert run.states[-6:] == ["Is it revoked now?", "Hold", *NO_TAIL, "Held"]
    assert case.fleet.status(case.certificate) == "PENDING_ACTIVATION"


def test_denied_while_people_thought(case: Case) -> None:
    arn = case.asks()
    case.approved(arn)
    case.fleet.expect("pump-0002", product="infusion-pump", effect="deny")
    run = case.ends(arn)
    assert run.states[-6:] == ["Is it still what was approved?", "Refuse certificate", *NO_TAIL, "Refused"]
    assert case.fleet.status(case.certificate) == "INACTIVE"


@pytest.mark.parametrize("change", [{"site": "elsewhere"}, {"groups": ("admins",)}, {"policy_profile": "telemetry"}])
def test_what_was_approved_is_no_longer_what_is_there(case: Case, change: dict[str, Any]) -> None:
    arn = case.asks()
    case.approved(arn)
    case.fleet.expect("pump-0002", **{"product": "infusion-pump", **change})
    run = case.ends(arn)
    assert run.states[-6:] == ["Is it still what was approved?", "Hold", *NO_TAIL, "Held"]
    assert "changed" in run.output["reason"]
    assert case.fleet.status(case.certificate) == "PENDING_ACTIVATION"


def test_the_device_left_the_inventory_while_people_thought(case: Case) -> None:
    arn = case.asks()
    case.approved(arn)
    case.fleet.client("dynamodb").delete_item(TableName="Inventory", Key={"lookup_key": {"S": "name#pump-0002"}})
    assert case.ends(arn).output["outcome"] == "held"
    assert case.fleet.status(case.certificate) == "PENDING_ACTIVATION"


def test_an_approval_that_comes_too_late_is_not_carried_out(case: Case) -> None:
    arn = case.asks()
    case.approved(arn)
    case.fleet.at(pki.NOW + timedelta(days=3))
    case.fleet.machine.faults["check_crl"] = lambda _, call: {**call(), "status": "good"}
    run = case.ends(arn)
    assert run.output["outcome"] == "held"
    assert case.fleet.status(case.certificate) == "PENDING_ACTIVATION"


@pytest.mark.parametrize("error", [ApprovalLapsed("too late"), CertificateChanged("somebody set it INACTIVE")])
def test_what_changed_at_the_last_moment_holds(case: Case, error: Exception) -> None:
    arn = case.asks()
    case.approved(arn)
    case.fleet.machine.faults["activate_certificate"] = raising(error)
    run = case.ends(arn)
    assert run.states[-6:] == ["Activate certificate", "Hold", *NO_TAIL, "Held"]


def test_a_certificate_that_an_operator_revoked_while_people_thought_stays_revoked(case: Case) -> None:
    arn = case.asks()
    case.approved(arn)
    case.fleet.client("iot").update_certificate(certificateId=case.certificate_id, newStatus="REVOKED")
    run = case.ends(arn)
    assert run.output["outcome"] == "held"
    assert case.fleet.status(case.certificate) == "REVOKED"


def test_a_knock_while_people_think_starts_nothing(case: Case) -> None:
    arn = case.asks()
    for _ in range(3):
        assert case.fleet.machine.run(case.fleet.event(case.certificate)).output == {
            "outcome": "duplicate",
            "owner": arn,
        }
    case.approved(arn)
    assert case.ends(arn).output["outcome"] == "admitted"


def test_request_approval_is_retried_and_asks_once(case: Case) -> None:
    case.fleet.machine.faults["request_approval"] = raising(AwsUnavailable("throttled"), times=2)
    arn = case.fleet.machine.start(case.fleet.registers(case.certificate))
    case.fleet.machine.called("request_approval", times=3)
    case.fleet.machine.settled("request_approval")
    case.approved(arn)
    assert case.ends(arn).output["outcome"] == "admitted"
    items = case.fleet.client("dynamodb").scan(TableName="Approvals")["Items"]
    requests = [item for item in items if item["item"]["S"] == "request"]
    assert len(requests) == 1


def test_task_tokens_are_nowhere_to_be_seen(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    tokens = []

    def overhear(payload: dict[str, Any], call: Any) -> Any:
        tokens.append(payload["task_token"])
        return call()

    inbox = aws_environment.listen()
    case.fleet.machine.faults["request_approval"] = overhear
    arn = case.asks()
    case.approved(arn)
    case.ends(arn)
    [token] = tokens
    shown = capsys.readouterr()
    _, page = people.call("GET", f"/api/approvals/{approval_id(arn, case.certificate_id)}", case.quality)
    records = [
        case.fleet.client("s3").get_object(Bucket="gatehouse-evidence", Key=key)["Body"].read().decode()
        for key in case.fleet.records()
    ]
    table = case.fleet.client("dynamodb").scan(TableName="Approvals")["Items"]
    for place in (shown.out, shown.err, str(page), str(inbox.read()), str(records), str(table)):
        assert token not in place
