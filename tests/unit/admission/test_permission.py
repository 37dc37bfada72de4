"""Nothing is activated that nobody decided, whatever the state machine asks for."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests import pki
from tests.unit.admission.examples import CERTIFICATE, facts, record, ruling, sha256
from workflows.admission.contracts import ActivateInput, Decision, DeviceDecision, Execution
from workflows.admission.errors import ApprovalLapsed
from workflows.admission.permission import FRESH_FOR, lapses_at, record_of
from workflows.approval.signature import SignedVote
from workflows.errors import BadInput

BASIS = sha256("basis")


def decision(action: Any = "auto", **unusual: Any) -> DeviceDecision:
    return msgspec.structs.replace(
        DeviceDecision(
            action=action,
            reason="because",
            findings=(),
            matched_by="certificate",
            record=record(),
            bound_certificate_id=None,
            ruling=ruling(),
            policy_name="gatehouse-device-0123456789ab",
            basis_sha256=BASIS,
        ),
        **unusual,
    )


def vote(subject: str, group: str, **unusual: Any) -> SignedVote:
    return msgspec.structs.replace(
        SignedVote(
            subject=subject,
            name=subject.title(),
            groups=(group,),
            decision="approve",
            meaning="approval",
            reason="",
            basis_sha256=BASIS,
            certificate_id=CERTIFICATE,
            voted_at=pki.NOW,
        ),
        **unusual,
    )


VOTES = (vote("quentin", "quality"), vote("sofia", "security"))


def approval(**unusual: Any) -> Decision:
    return msgspec.structs.replace(
        Decision(
            status="approved",
            approval_id="a1",
            reason="",
            basis_sha256=BASIS,
            requested_at=pki.NOW - pki.HOUR,
            decide_by=pki.NOW + pki.HOUR,
            execute_by=pki.NOW + pki.HOUR,
            votes=VOTES,
        ),
        **unusual,
    )


def asked(device: DeviceDecision, given: Decision | None) -> ActivateInput:
    execution = Execution(arn="arn:x", name="x", started_at=pki.NOW)
    return ActivateInput(execution=execution, certificate=facts(), device=device, approval=given)


def test_auto_needs_nobody_and_people_need_their_approval() -> None:
    assert record_of(asked(decision("auto"), None)) == record()
    assert record_of(asked(decision("people"), approval())) == record()


@pytest.mark.parametrize(
    ("device", "given"),
    [
        (decision("people"), None),
        (decision("auto"), approval()),
        (decision("hold"), None),
        (decision("refuse"), None),
        (decision("hold"), approval()),
        (decision("auto", record=None), None),
        (decision("auto", record=record(effect="deny")), None),
        (decision("auto", ruling=None), None),
        (decision("people"), approval(status="rejected")),
        (decision("people"), approval(status="expired")),
    ],
)
def test_what_nobody_decided_is_never_activated(device: DeviceDecision, given: Decision | None) -> None:
    with pytest.raises(BadInput):
        record_of(asked(device, given))


@pytest.mark.parametrize(
    "given",
    [
        approval(basis_sha256=sha256("other facts")),
        approval(votes=()),
        approval(votes=VOTES[:1]),
        approval(votes=(vote("quentin", "quality"), vote("quentin", "security"))),
        approval(votes=(vote("quentin", "quality"), vote("sofia", "quality"))),
        approval(votes=(VOTES[0], vote("sofia", "security", decision="reject"))),
        approval(votes=(*VOTES, vote("rita", "quality", decision="reject"))),
        approval(votes=(VOTES[0], vote("sofia", "security", certificate_id=sha256("other certificate")))),
        approval(votes=(VOTES[0], vote("sofia", "security", basis_sha256=sha256("other facts")))),
    ],
)
def test_an_approval_counts_for_what_was_approved_by_those_who_must(given: Decision) -> None:
    with pytest.raises(ApprovalLapsed):
        record_of(asked(decision("people"), given))


def test_an_approval_lapses_when_it_says() -> None:
    assert lapses_at(approval(), pki.NOW) == pki.NOW + pki.HOUR
    with pytest.raises(ApprovalLapsed):
        lapses_at(approval(execute_by=None), pki.NOW)


def test_without_people_the_answers_stay_fresh_for_a_while() -> None:
    assert lapses_at(None, pki.NOW) == pki.NOW + FRESH_FOR
    assert timedelta(hours=1) >= FRESH_FOR


@pytest.mark.parametrize(("action", "approved"), [("auto", None), ("people", approval())])
def test_a_trials_device_is_not_activated_whatever_was_decided(action: Any, approved: Decision | None) -> None:
    given = asked(decision(action), approved)
    assert record_of(given)
    trial = msgspec.structs.replace(given, certificate=facts(trial=True))
    with pytest.raises(BadInput, match="trial CA"):
        record_of(trial)
