"""Requests opened as the state machine opens them, for what no device of the demo brings about: other rules, names and facts."""

import json
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from gatehouse.demo.stage import Stage
from tests.approvals import asked
from workflows.admission import contracts
from workflows.dynamodb_items import to_item


def ask(
    stage: Stage, device: str, *, changed: dict[str, Any] | None = None, basis: str | None = None, **given: Any
) -> str:
    """Invoke the deployed function of the state *Request approval* for an execution that never ran; answers the request's id.

    `given` as `tests.approvals.asked` takes it, `changed` for fields of the certificate's facts, `basis` for the hash of
    what is decided on. Asked again for the same device, it is the same request.
    """
    made = asked(device, **given)
    machine = stage.target.output("StateMachineArn")
    run = contracts.Execution(
        arn=f"{machine.replace(':stateMachine:', ':execution:')}:{made.certificate.certificate_id[:32]}",
        name=made.certificate.certificate_id[:32],
        started_at=datetime.now(UTC),
    )
    made = replace(made, execution=run, certificate=replace(made.certificate, **(changed or {})))
    if basis is not None:
        made = replace(made, device=replace(made.device, basis_sha256=basis))
    _claim(stage, made)
    answer = stage.target.client("lambda").invoke(
        FunctionName=_function(stage, "RequestApprovalFunction"), Payload=json.dumps(contracts.write(made)).encode()
    )
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    identity: str = said["approval_id"]
    return identity


def _claim(stage: Stage, made: contracts.RequestApprovalInput) -> None:
    """The row that *Claim admission* leaves."""
    row = {
        "certificate_id": made.certificate.certificate_id,
        "ca_certificate_id": made.certificate.ca_certificate_id,
        "execution_arn": made.execution.arn,
        "execution_name": made.execution.name,
        "claimed_at": "2026-01-01T00:00:00.000Z",
        "outcome": "open",
        "reopen_at": 253402214400000,
    }
    stage.target.client("dynamodb").put_item(TableName=stage.target.output("AdmissionsTable"), Item=to_item(row))


def _function(stage: Stage, logical_id: str) -> str:
    found = stage.target.client("cloudformation").describe_stack_resource(
        StackName=stage.target.stack, LogicalResourceId=logical_id
    )
    name: str = found["StackResourceDetail"]["PhysicalResourceId"]
    return name
