"""Start an execution under a name that is the same for every event of one certificate."""

from typing import Any

import msgspec
from botocore.exceptions import ClientError

from functions.shared.aws import client, translated
from functions.shared.observability import logger
from workflows.errors import GatehouseError


def start(machine_arn: str, name: str, event: Any) -> bool:
    """Start it, unless an execution of this name exists. Returns False if AWS refuses: a later try may succeed, and others must not wait.

    Step Functions returns the running execution for the same name and input, and ``ExecutionAlreadyExists`` for another input or an
    ended one (https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html): either way it was started.
    """
    try:
        with translated():
            client("stepfunctions").start_execution(
                stateMachineArn=machine_arn, name=name, input=msgspec.json.encode(event).decode()
            )
    except (GatehouseError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ExecutionAlreadyExists":
            return True
        logger.warning("execution %s was not started: %s: %s", name, type(error).__name__, error)
        return False
    return True
