"""Every way through the graph that needs no person: the states entered, how the execution ends, and what the certificate is then."""

import json
from typing import Any

import pytest

from tests import aws_environment, pki, trials
from tests.machine.conftest import Fleet
from tests.template.test_statemachine import HAPPY_PATH, up_to
from workflows.admission.errors import (
    AdmissionNotOwned,
    CertificateChanged,
    DeviceBoundElsewhere,
    PolicyRefused,
    ThingRefused,
    TurnLost,
)
from workflows.admission.facts import issuer_key
from workflows.admission.trial import HELD
from workflows.errors import AwsUnavailable
from workflows.evidence import jws
from workflows.evidence.record import parse

NO_TAIL = ["Seal evidence of the end", "Notify of the end", "How did it end?"]
CHANGING = [
    "inspect_certificate",
    "activate_certificate",
    "attach_policy",
    "seal_evidence",
]


def raising(error: Exception, times: int = 10**6) -> Any:
    """A fault: the first `times` calls raise before anything was done."""
    left = [times]

    def fault(_: dict[str, Any], call: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise error
        return call()

    return fault


def answering(**instead: Any) -> Any:
    """A fault: the step is called, and these fields of its answer are different."""
    return lambda _, call: {**call(), **instead}


def test_an_expected_device_is_admitted_straight_down(fleet: Fleet) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    run = fleet.knocks(certificate)
    assert run.states == HAPPY_PATH
    assert (run.status, run.output["outcome"]) == ("SUCCEEDED", "admitted")
    assert run.transitions == len(HAPPY_PATH)
    assert fleet.status(certificate) == "ACTIVE"
    assert len(fleet.policies(certificate)) == 1
    row = fleet.admission(certificate)
    assert (row["outcome"], row["device"]) == ("admitted", "pump-0001")
    assert fleet.records() == [row["evidence_key"]]


def test_a_second_event_while_one_is_open_ends_in_three_transitions_and_changes_nothing(fleet: Fleet) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    duplicates: list[Any] = []

    def knock_again(_: dict[str, Any], call: Any) -> Any:
        if not duplicates:
            duplicates.append(fleet.machine.run(fleet.event(certificate)))
        return call()

    fleet.machine.faults["look_up_device"] = knock_again
    run = fleet.knocks(certificate)
    [duplicate] = duplicates
    assert duplicate.states == ["Claim admission", "Is this admission ours?", "Already in progress"]
    assert (duplicate.status, duplicate.output) == ("SUCCEEDED", {"outcome": "duplicate", "owner": run.arn})
    assert run.output["outcome"] == "admitted"
    assert fleet.admission(certificate)["knocks"] == 2


def test_a_knock_after_the_end_is_a_duplicate_too(fleet: Fleet) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    fleet.knocks(certificate)
    assert fleet.machine.run(fleet.event(certificate)).output["outcome"] == "duplicate"
    assert len(fleet.records()) == 1


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"certificateId": "x"},
        {"certificateId": "a" * 64, "caCertificateId": "b" * 64, "certificateStatus": "ACTIVE"},
        {"certificateId": 'a"b\n', "caCertificateId": None, "certificateStatus": "PENDING_ACTIVATION"},
        [],
        "PENDING_ACTIVATION",
    ],
)
def test_what_is_no_registration_event_ends_in_a_typed_failure(fleet: Fleet, event: Any) -> None:
    run = fleet.machine.run(event)
    assert run.states == ["Claim admission", "Not a registration event"]
    assert (run.status, run.error) == ("FAILED", "EventMalformed")
    assert "xpected" in run.cause


@pytest.mark.parametrize(
    "extra", [{"x": "[" * 600 + "]" * 600}, {"x": '"' + "y" * 100_000 + '"'}], ids=["deep", "large"]
)
def test_attack_an_event_that_could_not_be_sealed_leaves_nothing_active(fleet: Fleet, extra: dict[str, str]) -> None:
    """Nested 600 deep, it went through every state up to *Attach policy*, and no record could be made of it."""
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    event = fleet.registers(certificate)
    run = fleet.machine.run(event | {name: json.loads(text) for name, text in extra.items()})
    assert (run.status, run.error) == ("FAILED", "EventMalformed")
    assert fleet.status(certificate) == "PENDING_ACTIVATION"
    assert fleet.machine.run(event).output["outcome"] == "admitted", "and the device is let in when it knocks"


def test_attack_another_certificate_below_issuers_holds_the_device_until_it_is_put_right(fleet: Fleet) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    key = {"Bucket": "gatehouse-crls", "Key": f"issuers/{fleet.ca_id}.pem"}
    fleet.client("iot").register_ca_certificate(caCertificate=fleet.ca.pem, certificateMode="SNI_ONLY")
    fleet.client("s3").put_object(**key, Body=pki.authority("Other").pem.encode())
    aws_environment.reset_caches()
    run = fleet.knocks(certificate)
    assert run.states == [*up_to("Inspect certificate"), "Hold", *NO_TAIL, "Held"]
    assert (fleet.status(certificate), key["Key"] in fleet.admission(certificate)["reason"]) == (
        "PENDING_ACTIVATION",
        True,
    )
    fleet.client("s3").delete_object(**key)
    fleet.later(hours=2)
    assert fleet.machine.run(fleet.event(certificate)).output["outcome"] == "admitted"


def test_a_certificate_that_aws_iot_does_not_know_is_held(fleet: Fleet) -> None:
    run = fleet.machine.run(fleet.event(fleet.device("ghost")))
    assert run.states == [*up_to("Inspect certificate"), "Hold", *NO_TAIL, "Held"]
    assert (run.status, run.output["outcome"]) == ("SUCCEEDED", "held")
    assert len(fleet.records()) == 1


def test_a_certificate_outside_the_limits_is_refused_and_set_inactive(fleet: Fleet) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001", not_after=pki.NOW + 100 * pki.YEAR)
    run = fleet.knocks(certificate)
    assert run.states == [*up_to("Is the certificate acceptable?"), "Refuse certificate", *NO_TAIL, "Refused"]
    assert (run.status, run.output["outcome"]) == ("SUCCEEDED", "refused")
    assert fleet.status(certificate) == "INACTIVE"


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_a_certificate_whose_status_somebody_else_set_is_held_and_left_alone(fleet: Fleet, status: str) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    event = fleet.registers(certificate)
    fleet.client("iot").update_certificate(certificateId=event["certificateId"], newStatus=status)
    run = fleet.machine.run(event)
    assert run.states == [*up_to("Is the certificate acceptable?"), "Hold", *NO_TAIL, "Held"]
    assert fleet.status(certificate) == status


def test_a_revoked_certificate_is_refused_and_set_revoked(fleet: Fleet) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    fleet.publish_list(certificate, number=2)
    run = fleet.knocks(certificate)
    assert run.states == [*up_to("Is it revoked?"), "Refuse certificate", *NO_TAIL, "Refused"]
    assert (run.status, run.output["outcome"]) == ("SUCCEEDED", "refused")
    assert fleet.status(certificate) == "REVOKED"


def test_without_a_list_nobody_is_admitted_and_nobody_refused(fleet: Fleet) -> None:
    fleet.expect("pump-0001")
    fleet.withdraw_lists()
    certificate = fleet.device("pump-0001")
    run = fleet.knocks(certificate)
    assert run.states == [*up_to("Is it revoked?"), "Hold", *NO_TAIL, "Held"]
    assert fleet.status(certificate) == "PENDING_ACTIVATION"


def test_a_held_device_is_admitted_by_a_later_knock_once_there_is_a_list(fleet: Fleet) -> None:
    fleet.expect("pump-0001")
    fleet.withdraw_lists()
    certificate = fleet.device("pump-0001")
    fleet.knocks(certificate)
    fleet.publish_list(number=1)
    assert fleet.machine.run(fleet.event(certificate)).output["outcome"] == "duplicate", "before reopen_at"
    fleet.later(hours=2)
    assert fleet.machine.run(fleet.event(certificate)).output["outcome"] == "admitted"
    assert len(fleet.records()) == 2


def test_a_device_in_no_inventory_is_held(fleet: Fleet) -> None:
    certificate = fleet.device("stranger")
    run = fleet.knocks(certificate)
    assert run.states == [*up_to("Who decides?"), "Hold", *NO_TAIL, "Held"]
    assert fleet.status(certificate) == "PENDING_ACTIVATION"


def test_a_denied_device_is_refused_and_set_inactive(fleet: Fleet) -> None:
    fleet.expect("pump-0001", effect="deny", note="stolen")
    certificate = fleet.device("pump-0001")
    run = fleet.knocks(certificate)
    assert run.states == [*up_to("Who decides?"), "Refuse certificate", *NO_TAIL, "Refused"]
    assert fleet.status(certificate) == "INACTIVE"


@pytest.mark.parametrize(("step", "variable"), [("check_crl", "status"), ("look_up_device", "action")])
def test_an_answer_that_nobody_foresaw_holds(fleet: Fleet, step: str, variable: str) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    fleet.machine.faults[step] = answering(**{variable: "perhaps"})
    with_typo = fleet.machine
    arn = with_typo.start(fleet.registers(certificate))
    run = with_typo.ended(arn)
    assert "Activate certificate" not in run.states
    assert fleet.status(certificate) == "PENDING_ACTIVATION"


@pytest.mark.parametrize(("step", "error"), [("activate_certificate", ThingRefused), ("attach_policy", PolicyRefused)])
def test_what_aws_will_never_accept_is_rolled_back_and_fails(fleet: Fleet, step: str, error: type[Exception]) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    fleet.machine.faults[step] = raising(error('no "such" thing'))
    run = fleet.knocks(certificate)
    assert run.states[-5:] == ["Roll back", *NO_TAIL, "Failed"]
    assert (run.status, run.error, run.cause) == ("FAILED", "AdmissionFailed", 'no "such" thing')
    assert fleet.status(certificate) == "INACTIVE"
    assert fleet.policies(certificate) == []
    assert fleet.admission(certificate)["outcome"] == "failed"
    assert len(fleet.records()) == 1


@pytest.mark.parametrize("step", ["attach_policy", "seal_evidence"])
def test_what_was_revoked_once_it_was_active_is_rolled_back(fleet: Fleet, step: str) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    fleet.machine.faults[step] = raising(CertificateChanged("a list has revoked it"), times=1)
    run = fleet.knocks(certificate)
    assert run.states[-5:] == ["Roll back", *NO_TAIL, "Failed"]
    assert (run.status, run.error, run.cause) == ("FAILED", "AdmissionFailed", "a list has revoked it")
    assert (fleet.status(certificate), fleet.policies(certificate)) == ("INACTIVE", [])
    assert fleet.admission(certificate)["outcome"] == "failed"


def test_a_device_bound_to_another_certificate_meanwhile_is_held(fleet: Fleet) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    fleet.machine.faults["activate_certificate"] = raising(DeviceBoundElsewhere("bound to another"))
    run = fleet.knocks(certificate)
    assert run.states == [*up_to("Activate certificate"), "Hold", *NO_TAIL, "Held"]
    assert fleet.status(certificate) == "PENDING_ACTIVATION"


@pytest.mark.parametrize("step", CHANGING)
def test_an_execution_that_was_overtaken_changes_nothing_more(fleet: Fleet, step: str) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    fleet.machine.faults[step] = raising(AdmissionNotOwned("another's"))
    run = fleet.knocks(certificate)
    assert run.states[-1] == "Superseded"
    assert (run.status, run.error) == ("FAILED", "AdmissionNotOwned")
    assert fleet.records() == []


STEPS = [
    "claim_admission", "inspect_certificate", "check_crl", "look_up_device", "activate_certificate", "attach_policy", "seal_evidence",
    "notify",
]  # fmt: skip


def test_a_turn_that_was_lost_is_claimed_anew(fleet: Fleet) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    fleet.machine.faults["inspect_certificate"] = raising(TurnLost("it lapsed"), times=1)
    run = fleet.knocks(certificate)
    assert run.states == [*up_to("Inspect certificate"), *HAPPY_PATH]
    assert fleet.status(certificate) == "ACTIVE"


@pytest.mark.parametrize("step", STEPS)
def test_a_passing_outage_is_retried_to_the_end(fleet: Fleet, step: str) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    fleet.machine.faults[step] = raising(AwsUnavailable("throttled"), times=3)
    run = fleet.knocks(certificate)
    assert run.states == HAPPY_PATH
    assert fleet.machine.calls[step] == 4
    assert fleet.status(certificate) == "ACTIVE"


@pytest.mark.parametrize("step", STEPS)
def test_a_lasting_outage_fails_where_it_stands_so_that_it_can_be_redriven(fleet: Fleet, step: str) -> None:
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    fleet.machine.faults[step] = raising(AwsUnavailable("down"))
    run = fleet.knocks(certificate)
    assert (run.status, run.error) == ("FAILED", "AwsUnavailable")
    assert run.states == HAPPY_PATH[: len(run.states)], "no Catch led away from the state that failed"
    assert run.states[-1].lower().replace(" ", "_") == step


@pytest.mark.parametrize("step", STEPS)
def test_a_step_whose_answer_was_lost_may_run_again(fleet: Fleet, step: str) -> None:
    """It acted, and the machine was told that it failed: the retry must neither fail nor do anything twice."""
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    lost: list[Any] = []

    def lose_the_answer(_: dict[str, Any], call: Any) -> Any:
        answer = call()
        if not lost:
            lost.append(answer)
            raise AwsUnavailable("the answer was lost")
        return answer

    fleet.machine.faults[step] = lose_the_answer
    run = fleet.knocks(certificate)
    assert run.states == HAPPY_PATH
    assert fleet.status(certificate) == "ACTIVE"
    assert len(fleet.policies(certificate)) == 1
    assert len(fleet.records()) == 1


def trial_ca(fleet: Fleet, *, marked: bool, noted: bool) -> None:
    """From now on devices are those of a trial, told by the mark in its CA; `noted`: it has a note, which proves nothing."""
    fleet.ca = trials.authority() if marked else pki.authority("Another CA", private_key=pki.key("trial"))
    fleet.ca_id = aws_environment.certificate_id(fleet.ca.certificate)
    bucket = aws_environment.NAMES["CRL_BUCKET"]
    fleet.client("s3").put_object(Bucket=bucket, Key=f"issuers/{fleet.ca_id}.pem", Body=fleet.ca.pem.encode())
    if noted:
        fleet.client("s3").put_object(Bucket=bucket, Key=f"trials/{fleet.ca_id}.json", Body=b"{}")
    fleet.publish_list(number=1)


def test_attack_a_note_that_proves_nothing_holds_a_device_as_no_trials(
    fleet: Fleet, inbox: aws_environment.Inbox
) -> None:
    trial_ca(fleet, marked=False, noted=True)
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    assert fleet.knocks(certificate).output["outcome"] == "held"
    assert fleet.status(certificate) == "PENDING_ACTIVATION"
    row = fleet.admission(certificate)
    assert f"trials/{fleet.ca_id}.json in the bucket of lists" in row["reason"]
    assert ("trial" in row, row["awaited"]) == (False, "admission")
    assert len(inbox.read()[0]) == 1, "people are told"


@pytest.mark.parametrize("noted", [True, False])
def test_a_trials_device_is_held_though_the_inventory_expects_it_and_the_rule_admits_it(
    fleet: Fleet, inbox: aws_environment.Inbox, noted: bool
) -> None:
    trial_ca(fleet, marked=True, noted=noted)
    fleet.expect("pump-0001")
    certificate = fleet.device("pump-0001")
    run = fleet.knocks(certificate)
    assert run.states == [*up_to("Who decides?"), "Hold", *NO_TAIL, "Held"]
    assert (run.status, run.output["outcome"]) == ("SUCCEEDED", "held")
    assert fleet.status(certificate) == "PENDING_ACTIVATION"
    row = fleet.admission(certificate)
    assert (row["outcome"], row["trial"]) == ("held", True)
    assert HELD in row["reason"]
    assert "awaited" not in row, "nobody waits for it, so no alarm is raised for it"
    [key] = fleet.records()
    sealed = fleet.client("s3").get_object(Bucket=aws_environment.NAMES["EVIDENCE_BUCKET"], Key=key)["Body"].read()
    assert parse(jws.parse(sealed)[1]).trial
    mails, [event] = inbox.read()
    assert (mails, event["detail"]["trial"]) == ([], True)


@pytest.mark.parametrize("missed", ["decision", "facts"])
def test_a_single_check_that_is_missed_admits_no_trial(fleet: Fleet, missed: str) -> None:
    """The look-up decides as if it were no trial; or even the facts say that it is none. Either way nothing is activated."""
    trial_ca(fleet, marked=True, noted=True)
    fleet.expect("pump-0001", lookup_key=f"issuer-name#{issuer_key(fleet.ca.certificate)}#pump-0001")
    certificate = fleet.device("pump-0001")

    def blind(event: dict[str, Any], call: Any) -> Any:
        event["certificate"] |= {"trial": False}
        return call()

    def blinded(_: dict[str, Any], call: Any) -> Any:
        answer = call()
        return answer | {"facts": answer["facts"] | {"trial": False}}

    fleet.machine.faults = {"look_up_device": blind} if missed == "decision" else {"inspect_certificate": blinded}
    run = fleet.knocks(certificate)
    assert "Activate certificate" in run.states
    assert run.status == "FAILED"
    assert "trial CA" in str(run.cause)
    assert fleet.status(certificate) == "PENDING_ACTIVATION"
    assert fleet.policies(certificate) == []
