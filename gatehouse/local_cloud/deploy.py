"""Deploys ``template.yaml`` to the engine, with the calls that ``sam deploy`` makes."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from gatehouse.local_cloud import template
from gatehouse.local_cloud.errors import DeploymentFailed
from gatehouse.stack import artifact

DEPLOYED_WITHIN_SECONDS = 120.0
_BUCKET = "gatehouse-local-artifacts"
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

ClientFactory = Callable[[str], Any]


def deploy(
    clients: ClientFactory, *, template_path: Path, stack: str, endpoint: str, parameters: dict[str, str] | None = None
) -> dict[str, str]:
    """Create or update the stack. Returns its outputs. Raises DeploymentFailed with CloudFormation's reasons."""
    code = artifact.own_code(template_path.parent)
    code_key = f"{code.sha256}.zip"
    local = template.localise(template_path, bucket=_BUCKET, code_key=code_key, endpoint=endpoint)
    s3 = clients("s3")
    s3.create_bucket(Bucket=_BUCKET)
    for key, content in {code_key: code.content, "template.json": local.body.encode(), **local.objects}.items():
        s3.put_object(Bucket=_BUCKET, Key=key, Body=content)

    cloudformation = clients("cloudformation")
    request = {
        "StackName": stack,
        "TemplateURL": f"{endpoint}/{_BUCKET}/template.json",  # a body may be 51,200 bytes, an object a megabyte
        "Capabilities": _CAPABILITIES,
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in (parameters or {}).items()],
    }
    try:
        if _status(cloudformation, stack) is None:
            cloudformation.create_stack(**request, DisableRollback=True)
        else:
            cloudformation.update_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return outputs(cloudformation, stack)
        raise DeploymentFailed(f"CloudFormation refused {template_path.name}: {error}") from error
    _wait(cloudformation, stack)
    return outputs(cloudformation, stack)


def outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    """The outputs of a stack, name to value."""
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _wait(cloudformation: Any, stack: str) -> None:
    deadline = time.monotonic() + DEPLOYED_WITHIN_SECONDS
    while (status := _status(cloudformation, stack) or "gone").endswith("_IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise DeploymentFailed(f"Stack {stack} is still {status} after {DEPLOYED_WITHIN_SECONDS:g} s.")
        time.sleep(0.05)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise DeploymentFailed(f"Stack {stack} ended as {status}:\n{_reasons(cloudformation, stack)}")


def _status(cloudformation: Any, stack: str) -> str | None:
    try:
        status: str = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError:
        return None
    return status


def _reasons(cloudformation: Any, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return "\n".join(
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED")
    )
