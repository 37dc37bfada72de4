"""Starting the sweep that is due for a current list, or for the order to revoke a CA."""

import msgspec
from botocore.exceptions import ClientError

from functions.shared.aws import client, translated
from workflows.revocation.ca_revocation import AuthorityRevocation
from workflows.revocation.current_lists import Current


def prefix(current: Current) -> str:
    """Returns the text that the names of a list's sweeps begin with."""
    return f"{current.record.issuer_key_sha256[:12]}-{current.record.sha256[:32]}-"


def start(machine_arn: str, current: Current, attempt: str = "1") -> str:
    """Start the sweep. Returns the execution's ARN. The same attempt for the same list starts nothing twice. Raises `AwsUnavailable`."""
    machine_input = {"issuer_key": current.record.issuer_key_sha256, "slot": current.slot}
    return _start(machine_arn, prefix(current) + attempt, machine_input)


def start_of_authority(machine_arn: str, revocation: AuthorityRevocation, attempt: str) -> str:
    """The same as `start`, for a CA that was revoked."""
    machine_input = {"issuer_key": revocation.issuer_key, "authority": revocation.ca_certificate_id}
    return _start(machine_arn, revocation.executions + attempt, machine_input)


def running(machine_arn: str) -> frozenset[str]:
    """Returns the names of the sweeps that run. Raises `AwsUnavailable`, `AccessRefused`."""
    with translated():
        pages = (
            client("stepfunctions")
            .get_paginator("list_executions")
            .paginate(stateMachineArn=machine_arn, statusFilter="RUNNING")
        )
        return frozenset(one["name"] for page in pages for one in page["executions"])


def _start(machine_arn: str, name: str, machine_input: dict[str, str]) -> str:
    try:
        with translated():
            answer = client("stepfunctions").start_execution(
                stateMachineArn=machine_arn, name=name, input=msgspec.json.encode(machine_input).decode()
            )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise
        return f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
    arn: str = answer["executionArn"]
    return arn
