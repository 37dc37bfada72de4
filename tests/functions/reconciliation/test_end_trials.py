"""What a trial made is taken away, by whatever step its command died, and nothing else is."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from functions.reconciliation.end_trials.app import handler
from functions.reconciliation.end_trials.removal import TrialNotRemoved
from functions.shared.admissions import NEVER
from tests import aws_environment, faults, pki, trials
from workflows.admission.facts import issuer_key
from workflows.admission.trial import LASTS, SETTLED, Trial, TrialInvalid
from workflows.dynamodb_items import to_item, to_plain
from workflows.errors import AwsUnavailable

CRLS = "gatehouse-crls"


class Stage:
    """A trial as far as its command has come, beside the fleet's own CA and its list."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.iot: Any = aws_environment.client("iot")
        self.s3: Any = aws_environment.client("s3")
        self.fleet = pki.authority()
        self.fleets_id = aws_environment.register_ca(self.fleet)
        self.publish(self.fleet, self.fleets_id)
        self.ca = trials.authority()
        self.device = pki.device(self.ca, "trial")
        self.trial = trials.of(self.ca, self.device)
        self.before = self.everything()

    def publish(self, ca: pki.Authority, ca_id: str) -> None:
        self.s3.put_object(Bucket=CRLS, Key=f"issuers/{ca_id}.pem", Body=ca.pem.encode())
        assert aws_environment.publish_crl(pki.revocation_list(ca), ca_id)["status"] == "accepted"

    def comes_to(self, step: str) -> None:
        """The command's steps up to this one."""
        steps: dict[str, Callable[[], object]] = {
            "noted": lambda: trials.note(self.trial),
            "registered": lambda: aws_environment.register_ca(self.ca),
            "published": lambda: self.publish(self.ca, self.trial.ca_certificate_id),
            "knocked": lambda: aws_environment.register_device(self.device, self.ca),
            "held": lambda: self.row("held", awaited="admission", awaited_since=pki.NOW),
            "over": lambda: trials.note(replace(self.trial, over_at=pki.NOW)),
        }
        for name, does in steps.items():
            does()
            if name == step:
                return

    def row(self, outcome: str, **more: Any) -> None:
        item = {"certificate_id": self.trial.certificate_id, "ca_certificate_id": self.trial.ca_certificate_id, "outcome": outcome,
                "claimed_at": pki.NOW, "reopen_at": NEVER, "execution_arn": "arn:x", **more}  # fmt: skip
        aws_environment.client("dynamodb").put_item(TableName="Admissions", Item=to_item(item))

    def admission(self) -> dict[str, Any]:
        key = {"certificate_id": {"S": self.trial.certificate_id}}
        found = aws_environment.client("dynamodb").get_item(TableName="Admissions", Key=key)
        return to_plain(found.get("Item", {}))

    def everything(self) -> dict[str, set[str]]:
        """What there is of CAs, certificates and objects, but for notes and what was handed in."""
        objects = {one["Key"] for one in self.s3.list_objects_v2(Bucket=CRLS)["Contents"]}
        return {
            "cas": {one for one in (self.fleets_id, self.trial.ca_certificate_id) if self._is_registered(one)},
            "certificates": {one["certificateId"] for one in self.iot.list_certificates()["certificates"]},
            "objects": {key for key in objects if not key.startswith(("trials/", "incoming/", "accepted/"))},
        }

    def _is_registered(self, ca_id: str) -> bool:
        try:
            self.iot.describe_ca_certificate(certificateId=ca_id)
        except self.iot.exceptions.ResourceNotFoundException:
            return False
        return True

    def later(self, by: Any) -> None:
        aws_environment.set_clock(self._monkeypatch, pki.NOW + by)

    def ends(self) -> Any:
        return aws_environment.call(handler, {})

    def noted(self) -> Trial:
        return trials.noted(self.trial)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


STEPS = ("noted", "registered", "published", "knocked", "held")


@pytest.mark.parametrize("step", STEPS)
def test_a_trial_whose_command_died_is_ended_within_the_hour(stage: Stage, step: str) -> None:
    stage.comes_to(step)
    stage.later(LASTS - pki.HOUR / 60)
    assert stage.ends() == {"ended": [], "waiting": []}
    stage.later(LASTS)
    assert stage.ends() == {"ended": [stage.trial.ca_certificate_id], "waiting": []}
    assert stage.everything() == stage.before
    assert stage.noted().ended_at is not None
    assert stage.ends() == {"ended": [], "waiting": []}


def test_what_is_sealed_and_the_admission_stay_marked_and_nobody_waits_for_it(stage: Stage) -> None:
    stage.comes_to("over")
    stage.ends()
    row = stage.admission()
    assert (row["outcome"], row["trial"]) == ("held", True)
    assert "awaited" not in row
    assert "awaited_since" not in row


def test_a_command_that_says_so_ends_it_at_once_and_what_comes_late_is_taken_too(stage: Stage) -> None:
    stage.comes_to("over")
    assert stage.ends()["ended"] == [stage.trial.ca_certificate_id]
    assert stage.everything() == stage.before
    assert stage.noted().ended_at is None
    stage.s3.put_object(
        Bucket=CRLS, Key=f"current/{issuer_key(stage.ca.certificate)}.json", Body=b"{}"
    )  # the list is judged late
    stage.later(SETTLED)
    stage.ends()
    assert stage.everything() == stage.before
    assert stage.noted().ended_at is not None


def test_an_open_admission_is_waited_for_and_not_for_ever(stage: Stage) -> None:
    stage.comes_to("over")
    stage.row("open")
    assert stage.ends() == {"ended": [], "waiting": [stage.trial.ca_certificate_id]}
    assert stage.trial.ca_certificate_id in stage.everything()["cas"]
    stage.later(LASTS)
    assert stage.ends()["ended"] == [stage.trial.ca_certificate_id]
    assert stage.everything() == stage.before
    assert stage.admission()["trial"] is True


def test_dying_after_any_call_is_made_good_by_the_next_run(stage: Stage) -> None:
    stage.comes_to("over")
    with faults.dying_after(0) as calls:
        stage.ends()
    number = len(calls)
    assert number > 10
    for after in range(1, number):
        stage.comes_to("over")
        with faults.dying_after(after), pytest.raises(faults.Died):
            stage.ends()
        stage.ends()
        assert stage.everything() == stage.before, after


def test_the_ca_takes_no_new_certificate_before_the_old_one_is_deleted(stage: Stage) -> None:
    stage.comes_to("over")
    with faults.dying_after(0) as calls:
        stage.ends()
    asked = [call for call in calls if call.startswith("iot.")]
    assert asked == [
        "iot.DescribeCACertificate",
        "iot.UpdateCACertificate",
        "iot.DeleteCertificate",
        "iot.DeleteCACertificate",
    ]


@pytest.mark.parametrize(
    ("operation", "code", "error"),
    [
        ("DeleteCertificate", "CertificateStateException", TrialNotRemoved),
        ("DeleteCertificate", "DeleteConflictException", TrialNotRemoved),
        ("DeleteCACertificate", "CertificateStateException", TrialNotRemoved),
        ("DescribeCACertificate", "ThrottlingException", AwsUnavailable),
    ],
)
def test_what_cannot_be_removed_is_an_error_and_is_tried_again(
    stage: Stage, operation: str, code: str, error: type[Exception]
) -> None:
    stage.comes_to("over")
    with faults.refused("iot", operation, code, times=9), pytest.raises(error):
        stage.ends()
    assert stage.noted().ended_at is None
    stage.ends()
    assert stage.everything() == stage.before


def test_a_note_that_proves_nothing_removes_nothing_and_hinders_no_other(stage: Stage) -> None:
    stage.comes_to("over")
    forged = replace(
        stage.trial,
        ca_certificate_id=stage.fleets_id,
        ca_pem=stage.fleet.pem,
        device_pem=pki.pem(pki.device(stage.fleet)),
    )
    trials.note(replace(forged, over_at=pki.NOW))
    with pytest.raises(TrialInvalid, match="organization"):
        stage.ends()
    assert stage.everything() == stage.before


def test_a_trials_note_that_names_the_fleets_ca_removes_nothing(stage: Stage) -> None:
    """Its certificates are a trial's, and AWS IoT has another one under the id that it names."""
    trials.note(replace(stage.trial, ca_certificate_id=stage.fleets_id, over_at=pki.NOW))
    with pytest.raises(TrialInvalid, match="another CA"):
        stage.ends()
    assert stage.everything() == stage.before


def earlier(than: str) -> pki.Authority:
    """The CA of a second trial, whose note is listed before that of `than`."""
    for serial in range(1, 1000):
        ca = trials.authority(serial=serial)
        if aws_environment.certificate_id(ca.certificate) < than:
            return ca
    raise AssertionError("no such CA")


@pytest.mark.parametrize("bad", ["id", "another CA", "active"])
def test_a_bad_note_does_not_stop_the_end_of_another_trial(stage: Stage, bad: str) -> None:
    """Notes are listed in the order of their keys; the bad one comes first."""
    stage.comes_to("over")
    ca = earlier(stage.trial.ca_certificate_id)
    device = pki.device(ca, "trial 2")
    made = replace(trials.of(ca, device), over_at=pki.NOW)
    expected: type[Exception] = TrialInvalid
    match bad:
        case "id":
            made = replace(made, ca_certificate_id="0")
        case "another CA":
            registered = aws_environment.register_ca(ca)
            other = trials.authority(serial=7777)  # the same subject and key
            made = replace(made, ca_certificate_id=registered, ca_pem=other.pem)
        case _:
            aws_environment.register_ca(ca)
            aws_environment.register_device(device, ca, "ACTIVE")
            expected = TrialNotRemoved
    trials.note(made)
    with pytest.raises(expected):
        stage.ends()
    assert stage.trial.ca_certificate_id not in stage.everything()["cas"]
    assert stage.trial.certificate_id not in stage.everything()["certificates"]


def test_a_note_that_was_written_meanwhile_stands(stage: Stage) -> None:
    stage.comes_to("over")
    stage.later(SETTLED)
    with faults.refused("s3", "PutObject", "PreconditionFailed", times=1):
        stage.ends()
    assert stage.noted().ended_at is None
    stage.ends()
    assert stage.noted().ended_at is not None
