"""Knocks start one execution a certificate; repeats start none; what cannot be started comes again, and holds nobody else up."""

import contextlib
import json
from datetime import timedelta
from typing import Any

import pytest

from functions.admission.claim_admission.app import handler as claim
from functions.admission.start_admissions.app import handler
from functions.shared.admissions import Admissions
from tests import aws_environment, faults, pki
from tests.unit.admission.examples import CA, CERTIFICATE, sha256
from workflows.admission.contracts import Execution
from workflows.errors import AwsUnavailable
from workflows.evidence.acts import Ask

OTHER = sha256("other")
MINUTE = timedelta(minutes=1)


class Door:
    """The queue's messages go in, executions come out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.sfn: Any = aws_environment.client("stepfunctions")
        self.machine = self.sfn.create_state_machine(
            name=aws_environment.MACHINE,
            definition='{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}}',
            roleArn=f"arn:aws:iam::{aws_environment.ACCOUNT}:role/machine",
        )["stateMachineArn"]

    def at(self, after: timedelta) -> None:
        aws_environment.set_clock(self.monkeypatch, pki.NOW + after)

    def take(self, *bodies: object) -> list[str]:
        """One batch of messages; returns the bodies' places (from 0) that failed."""
        records = [
            {"messageId": str(place), "body": body if isinstance(body, str) else json.dumps(body)}
            for place, body in enumerate(bodies)
        ]
        answer = aws_environment.call(handler, {"Records": records})
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]

    def started(self) -> list[str]:
        listed = self.sfn.list_executions(stateMachineArn=self.machine)["executions"]
        return sorted(one["name"] for one in listed)

    def claims(self, name: str) -> str:
        """The execution of this name claims, as the machine's first state does; returns what it is told."""
        event = knock()
        status: str = aws_environment.call(claim, {"event": event, "execution": aws_environment.execution(name)})[
            "status"
        ]
        return status

    def closes(self, name: str, reopen_after: timedelta | None) -> None:
        """The admission is held for a time, or refused (None)."""
        run = Execution(arn=f"{aws_environment.EXECUTIONS}:{name}", name=name, started_at=pki.NOW)
        reopen_at = None if reopen_after is None else pki.NOW + reopen_after
        Admissions("Admissions").close(
            CERTIFICATE,
            run,
            outcome="held" if reopen_at else "refused",
            reason="x",
            at=pki.NOW,
            reopen_at=reopen_at,
        )


@pytest.fixture
def door(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Door:
    assert environment
    door = Door(monkeypatch)
    door.at(timedelta())
    return door


def knock(certificate_id: str = CERTIFICATE, **more: Any) -> dict[str, Any]:
    return aws_environment.registration_event(certificate_id, CA) | more


def test_a_first_knock_starts_an_execution_with_the_event(door: Door) -> None:
    assert door.take(knock(more=1)) == []
    assert door.started() == [f"{CERTIFICATE[:32]}-0-20261123T1200"]
    [execution] = door.sfn.list_executions(stateMachineArn=door.machine)["executions"]
    started = door.sfn.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(started["input"]) == knock(more=1)


def test_repeats_in_a_batch_and_in_batches_start_one(door: Door) -> None:
    door.take(knock(), knock(timestamp=2), knock(OTHER))
    door.take(knock(timestamp=3))
    assert len(door.started()) == 2


def test_a_repeat_starts_nothing_while_the_admission_is_open_however_much_later(door: Door) -> None:
    door.take(knock())
    assert door.claims(door.started()[0]) == "claimed"
    door.at(pki.DAY)
    assert door.take(knock()) == []
    assert len(door.started()) == 1


def test_a_closed_admission_starts_anew_once_its_time_has_come(door: Door) -> None:
    door.take(knock())
    [first] = door.started()
    door.claims(first)
    door.closes(first, 2 * MINUTE)
    door.at(MINUTE)
    door.take(knock())
    assert door.started() == [first]
    door.at(2 * MINUTE)  # in the same quarter of an hour
    door.take(knock())
    door.take(knock())
    assert len(door.started()) == 2


def test_an_execution_that_ended_before_its_claim_is_made_good_by_a_knock_of_the_next_quarter(door: Door) -> None:
    door.take(knock())
    door.sfn.stop_execution(executionArn=f"{aws_environment.EXECUTIONS}:{door.started()[0]}")
    door.at(14 * MINUTE)
    assert door.take(knock()) == []
    assert len(door.started()) == 1
    door.at(15 * MINUTE)
    door.take(knock())
    assert len(door.started()) == 2


@pytest.mark.parametrize("act", ["reopen", "forget"])
def test_what_an_operator_reopens_or_forgets_starts_at_the_next_knock(door: Door, act: Any) -> None:
    """Though an execution of the name that would be due has failed before it claimed, in this very quarter of an hour."""
    door.take(knock())
    [first] = door.started()
    door.claims(first)
    door.closes(first, timedelta())
    door.take(knock())
    [lost] = set(door.started()) - {first}
    door.sfn.stop_execution(executionArn=f"{aws_environment.EXECUTIONS}:{lost}")
    door.take(knock())
    assert len(door.started()) == 2
    acts(act)
    door.take(knock())
    assert len(door.started()) == 3
    assert door.claims(door.started()[-1]) == "claimed"


def test_a_refused_certificate_that_was_deleted_starts_nothing_until_it_is_forgotten(door: Door) -> None:
    """As the message about a refusal says. The device registers the deleted certificate again, so its event is the same as before."""
    iot: Any = aws_environment.client("iot")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_certificate(certificateId=CERTIFICATE)
    door.take(knock())
    [first] = door.started()
    door.claims(first)
    door.closes(first, None)
    door.at(10 * pki.YEAR)
    assert door.take(knock()) == []
    assert door.started() == [first]
    acts("forget")
    door.take(knock())
    [_, second] = door.started()
    assert door.claims(second) == "claimed"


def acts(act: Any) -> None:
    """The operator's write alone; `tests/functions/evidence/test_seal_act.py` holds what comes before it."""
    from functions.evidence.seal_act import admission
    from functions.shared.admissions import operators
    from functions.shared.chains import Head
    from functions.shared.inventory import Inventory
    from workflows.evidence.record import Link

    row = Admissions("Admissions").find(CERTIFICATE)
    assert row is not None
    head = Head(outcome=row.outcome, execution_arn=row.execution_arn, reopen_at=row.reopen_at)
    asked = Ask(
        id="5a" * 16, act=act, certificate_id=CERTIFICATE, execution_arn=row.execution_arn, reason="x", bucket="b"
    )
    change = admission.change(asked, head, admission.state_of(asked, head, Inventory("Inventory")), pki.NOW)
    assert operators.write("Admissions", asked, head, change, Link(key="k", sha256=sha256("k")))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "[" * 500_000,
        "null",
        '"x"',
        {"certificateId": "../x"},
        knock("x"),
        knock(certificateStatus="ACTIVE"),
    ],
)
def test_a_message_that_is_no_registration_event_fails_alone_and_starts_nothing(door: Door, body: object) -> None:
    assert door.take(body, knock(), body) == ["0", "2"]
    assert len(door.started()) == 1


@pytest.mark.parametrize(
    "code",
    [
        "ThrottlingException",
        "ExecutionLimitExceeded",
        "AccessDeniedException",
        "StateMachineDoesNotExist",
        "InvalidExecutionInput",
    ],
)
def test_what_cannot_be_started_comes_again_and_only_that(door: Door, code: str) -> None:
    """Also what never can be: then it ends in the dead letters."""
    with faults.refused("stepfunctions", "StartExecution", code):
        assert door.take(knock(), knock(OTHER), knock(timestamp=2)) == ["0"]
    assert len(door.started()) == 1
    assert door.take(knock(), knock(OTHER)) == []
    assert len(door.started()) == 2


def test_a_table_that_cannot_be_read_sends_the_whole_batch_back(door: Door) -> None:
    with faults.refused("dynamodb", "BatchGetItem", "ThrottlingException"), pytest.raises(AwsUnavailable):
        door.take(knock())
    assert door.started() == []


def test_dying_anywhere_in_between_and_coming_again_starts_one(door: Door) -> None:
    for number in faults.after_every_call(lambda: door.take(knock(sha256("0")))):
        with faults.dying_after(number), contextlib.suppress(faults.Died):
            door.take(knock(), knock(OTHER))
        assert door.take(knock(), knock(OTHER)) == []
    assert len(door.started()) == 3
