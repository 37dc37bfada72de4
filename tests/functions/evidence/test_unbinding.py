"""A device is unbound and the act sealed together, or neither: admissions and inventory change in one transaction."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.shared import aws
from functions.shared.admissions import operators
from functions.shared.inventory import Inventory
from tests import aws_environment, faults, pki, records
from tests.functions.evidence.operator_acts import OWNER, PUMP, ask, binding, call, row, sealed_act, whole_chain
from tests.functions.evidence.test_seal_failure import files
from workflows.errors import AwsUnavailable


def test_an_unbinding_is_sealed_in_the_certificate_s_chain_and_done_with_it(bound: dict[str, str]) -> None:
    before = row()
    answer = call(ask("unbind"))
    made = sealed_act()
    assert (answer["status"], answer["evidence_key"], made.act) == ("done", made.key, "unbound")
    assert (made.device, made.outcome, made.reason) == ("pump-0042", "held", "Entered by now")
    assert made.before == {
        "outcome": "held",
        "execution_arn": OWNER.arn,
        "bound_certificate_id": PUMP,
        "bound_at": "2026-11-23T12:00:00Z",
    }
    assert made.after == {"bound_certificate_id": None}
    assert made.previous is not None
    assert made.previous.key == before["evidence_key"]
    assert binding() is None
    changed = {name for name in row() if row()[name] != before.get(name)}
    assert changed == {"evidence_key", "evidence_sha256"}, "the admission itself stays as it was"
    assert whole_chain(bound)


def test_an_unbinding_s_repeat_does_nothing_twice(bound: dict[str, str]) -> None:
    first = call(ask("unbind"))
    sealed, stands = files(), row()
    Inventory("Inventory").bind("pump-0042", PUMP, replacing=None, execution=OWNER, at=pki.NOW)
    assert call(ask("unbind")) == first
    assert (files(), row(), binding()) == (sealed, stands, PUMP)


def test_a_device_that_is_bound_anew_between_sealing_and_writing_stays_bound(
    bound: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Admission and inventory change together or not at all."""
    write = operators.write

    def bind_first(*arguments: Any) -> bool:
        other = records.execution("other")
        Inventory("Inventory").bind("pump-0042", "0" * 64, replacing=PUMP, execution=other, at=pki.NOW)
        return write(*arguments)

    monkeypatch.setattr(operators, "write", bind_first)
    before = row()
    assert call(ask("unbind"))["status"] == "refused"
    assert (row(), binding()) == (before, "0" * 64)
    assert whole_chain(bound)


def test_a_binding_that_is_right_or_gone_is_not_undone(bound: dict[str, str]) -> None:
    before = files()
    iot = aws_environment.client("iot")
    certificate = pki.device(pki.authority(), "pump-0042")
    there = iot.register_certificate_without_ca(certificatePem=pki.pem(certificate), status="ACTIVE")
    iot.create_thing(thingName="pump-0042")
    iot.attach_thing_principal(thingName="pump-0042", principal=there["certificateArn"])
    held_by_thing = there["certificateId"]
    Inventory("Inventory").bind("pump-0042", held_by_thing, replacing=PUMP, execution=OWNER, at=pki.NOW)
    assert "is not bound to certificate" in call(ask("unbind"))["reason"]
    boto3.client("dynamodb").put_item(
        TableName="Admissions",
        Item={
            "certificate_id": {"S": held_by_thing},
            "execution_arn": {"S": OWNER.arn},
            "outcome": {"S": "admitted"},
        },
    )
    assert "is attached to the thing" in call(ask("unbind", certificate_id=held_by_thing))["reason"]
    assert (files(), binding()) == (before, held_by_thing)


def test_a_binding_that_was_not_undone_since_nothing_could_be_sealed_is_still_there(
    bound: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "KMSInternalException", "Message": "x"}}, "Sign")

    with monkeypatch.context() as broken:
        broken.setattr(aws.client("kms"), "sign", refuse)
        with pytest.raises(AwsUnavailable):
            call(ask("unbind"))
    assert binding() == PUMP
    with faults.refused("dynamodb", "TransactWriteItems", "InternalServerError", status=500, times=9):
        with pytest.raises(AwsUnavailable):
            call(ask("unbind"))
        assert binding() == PUMP
    assert call(ask("unbind"))["status"] == "done"
    assert binding() is None
    assert whole_chain(bound)
