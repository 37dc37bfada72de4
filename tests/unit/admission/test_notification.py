"""What people and programs are told: what happened, why, what next; and none of it is the device's to write."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import pki
from tests.unit.admission.examples import CA, CERTIFICATE, facts, record, sha256
from tests.unit.admission.test_permission import decision
from workflows.admission import notification
from workflows.admission.contracts import (
    Activation,
    Claim,
    Dossier,
    Execution,
    Inspection,
    NotifyInput,
    Refusal,
    RollBack,
    Seal,
)
from workflows.admission.failure import EndedBadly, certificate_of, read
from workflows.admission.notification import event, failed, failure_message, subject
from workflows.errors import BadInput
from workflows.message import Message, line

CLAIM = Claim(
    status="claimed", certificate_id=CERTIFICATE, ca_certificate_id=CA, owner="arn:x", knocks=1, turn_at=pki.NOW
)
ACTIVATION = Activation(
    thing_name="pump-0042",
    thing_arn="arn:thing",
    thing_type="",
    groups=(),
    replaced_certificate_id=None,
    certificate_arn="arn:cert",
    activated_at=pki.NOW,
)


def inspection(**unusual: Any) -> Inspection:
    return Inspection(status="acceptable", reason="", iot_status="PENDING_ACTIVATION", pem="", facts=facts(**unusual))


def ended(
    outcome: Any = "admitted", reason: str = "Rule everything admits it.", reopen: bool = False, **dossier: Any
) -> NotifyInput:
    given: dict[str, Any] = {"certificate": inspection(), "device": decision(), "activation": ACTIVATION} | dossier
    return NotifyInput(
        execution=Execution(arn="arn:aws:states:x:execution:run-1", name="run-1", started_at=pki.NOW),
        outcome=outcome,
        reason=reason,
        dossier=Dossier(claim=CLAIM, **given),
        seal=Seal(
            evidence_key="records/x.json",
            evidence_sha256=sha256("record"),
            sealed_at=pki.NOW,
            reopen_at=pki.NOW + timedelta(hours=1) if reopen else None,
        ),
    )


def message(given: NotifyInput) -> Message:
    """As people read it, who are told from the event."""
    return notification.message(event(given))


def test_an_admission_says_to_keep_trying() -> None:
    said = message(ended())
    assert said.subject == f"Gatehouse: pump-0042 admitted (certificate {CERTIFICATE[:8]})"
    assert said.text.startswith("As of 2026-11-23 12:00 UTC: pump-0042: admitted.")
    assert "6 to 8 minutes" in said.text
    assert "keep trying" in said.text
    assert "Why: Rule everything admits it." in said.text
    assert CERTIFICATE in said.text
    assert "records/x.json" in said.text
    assert "replaces" not in said.text


def test_a_rotation_says_what_becomes_of_the_old_certificate() -> None:
    replaced = msgspec.structs.replace(ACTIVATION, replaced_certificate_id=sha256("old"))
    assert f"replaces certificate {sha256('old')}" in message(ended(activation=replaced)).text


def test_a_refusal_says_how_to_undo_it() -> None:
    inactive = Refusal(certificate_status="INACTIVE", refused_at=pki.NOW)
    undo = f"delete the certificate in AWS IoT, and then run `gatehouse admissions forget {CERTIFICATE}`"
    assert undo in message(ended("refused", refusal=inactive)).text
    revoked = Refusal(certificate_status="REVOKED", refused_at=pki.NOW, note="It was gone.")
    text = message(ended("refused", refusal=revoked)).text
    assert "issue it a new one" in text
    assert "It was gone." in text


def test_a_hold_says_when_a_knock_counts_again() -> None:
    text = message(ended("held", reopen=True)).text
    assert "after 2026-11-23 13:00 UTC starts a new admission" in text


def test_a_failure_says_what_was_taken_back() -> None:
    undone = RollBack(
        undone=("set the certificate from ACTIVE to INACTIVE", "unbound pump-0042"), certificate_status="INACTIVE"
    )
    text = message(ended("failed", roll_back=undone, reopen=True)).text
    assert "set the certificate from ACTIVE to INACTIVE; unbound pump-0042" in text
    assert "its first attempt to connect after 2026-11-23 13:00 UTC starts a new admission" in text


def test_an_unreadable_certificate_can_be_told_of() -> None:
    unread = Inspection(status="unacceptable", reason="", iot_status="PENDING_ACTIVATION", pem="", facts=None)
    refusal = Refusal(certificate_status="INACTIVE", refused_at=pki.NOW)
    said = message(ended("refused", certificate=unread, device=None, activation=None, refusal=refusal))
    assert said.subject.startswith("Gatehouse: Unknown device refused")
    assert "not readable" in said.text


@given(name=st.text(max_size=2000), reason=st.text(max_size=3000))
def test_whatever_a_device_calls_itself_the_message_keeps_its_shape(name: str, reason: str) -> None:
    told = ended("held", reason, certificate=inspection(common_name=name, subject=name), device=None, activation=None)
    said = message(told)
    assert said.subject.isascii()
    assert said.subject.isprintable()
    assert len(said.subject) < 100
    assert [part.split(":")[0] for part in said.text.split("\n\n")][1:] == ["Why", "What next", "Certificate"]
    assert all(part.isprintable() for part in said.text.split("\n"))
    assert event(told).reason.isprintable()


@pytest.mark.parametrize("evil", ["a\nb", "a\x00b", "a\u202eb", "a\u200bb", "a\u2028b", "\ud800"])
def test_what_cannot_be_seen_is_escaped(evil: str) -> None:
    assert line(evil).isprintable()
    assert line(evil).encode()


def test_programs_get_what_they_need_to_act() -> None:
    told = event(ended(reopen=True))
    assert (told.outcome, told.device, told.thing_name) == ("admitted", "pump-0042", "pump-0042")
    assert told.execution_arn == "arn:aws:states:x:execution:run-1"
    assert told.reopen_at == pki.NOW + timedelta(hours=1)


def test_the_inventorys_name_is_told_rather_than_the_certificates() -> None:
    told = ended(certificate=inspection(common_name="evil"), device=decision(record=record(device="pump-0001")))
    assert event(told).device == "pump-0001"


FAILED = EndedBadly(execution_arn="arn:e", name="run-1", status="TIMED_OUT", error="AwsUnavailable", cause="throttled")


def test_an_alarm_says_to_redrive() -> None:
    said = failure_message(failed(FAILED, CERTIFICATE, pki.NOW, at=pki.NOW))
    assert said.text.startswith("As of 2026-11-23 12:00 UTC: Execution run-1: timed out.")
    assert said.subject == f"Gatehouse: Execution run-1 timed out (certificate {CERTIFICATE[:8]})"
    assert "redrive the execution within 14 days" in said.text
    assert "after 2026-11-23 12:00 UTC" in said.text
    assert "AwsUnavailable: throttled" in said.text


def test_an_alarm_without_an_admission_asks_what_started_it() -> None:
    said = failure_message(failed(FAILED, None, None, at=pki.NOW))
    assert "only start_admissions should start executions" in said.text
    assert "Certificate: none" in said.text


def test_a_superseded_execution_is_not_to_be_redriven() -> None:
    superseded = msgspec.structs.replace(FAILED, error="AdmissionNotOwned")
    assert "Nothing has to be done" in failed(superseded, CERTIFICATE, None, at=pki.NOW).what_next


def test_a_failure_without_an_error_says_where_to_look() -> None:
    assert "its history says" in msgspec.structs.replace(FAILED, error=None, cause=None).fault


@pytest.mark.parametrize(
    "given_input", [None, "", "{", "null", "[]", '{"certificateId": "x"}', "\ud800", "[" * 100_000], ids=range(8)
)
def test_an_execution_that_was_no_admission_has_no_certificate(given_input: str | None) -> None:
    assert certificate_of(msgspec.structs.replace(FAILED, input=given_input)) is None


@pytest.mark.parametrize("rubbish", [None, {}, {"detail": None}, {"detail": {"status": "SUCCEEDED"}}])
def test_another_event_is_refused(rubbish: Any) -> None:
    with pytest.raises(BadInput):
        read(rubbish)


def test_subjects_are_cut() -> None:
    assert len(subject("x" * 500, "admitted", CERTIFICATE)) < 100
