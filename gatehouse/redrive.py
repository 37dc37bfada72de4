"""Redriving a failed execution: it goes on from the state where it stopped, and the audit trail keeps who asked and why."""

from datetime import datetime

from botocore.exceptions import ClientError

from gatehouse import trail
from gatehouse.admissions import Admission
from gatehouse.errors import AnsweredNo, NotFound
from gatehouse.target import Target


def require_failed(admission: Admission) -> None:
    """Raises `AnsweredNo` for an admission that did not fail: its execution ended, or goes on."""
    if admission.outcome != "failed" or not admission.execution_arn.startswith("arn:"):
        raise AnsweredNo(
            f"The admission of {admission.certificate_id} is {admission.outcome}; only a failed execution can be redriven."
        )


def redrive(target: Target, execution_arn: str, reason: str) -> datetime:
    """Redrive; answers when AWS took it up. Raises `AnsweredNo` if AWS will not, `NotFound`, `BadInput`, `TrailUnavailable`.

    https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html: within 14 days of the failure.
    """
    why = trail.require_reason(reason)
    sfn = target.client("stepfunctions")
    with trail.recorded(target, "admission", "redrive", execution_arn, reason=why) as act:
        try:
            taken_up: datetime = sfn.redrive_execution(executionArn=execution_arn)["redriveDate"]
        except ClientError as error:
            match error.response["Error"]["Code"]:
                case "ExecutionDoesNotExist":
                    raise NotFound(f"There is no execution {execution_arn}.") from error
                case "ExecutionNotRedrivable" | "ExecutionLimitExceeded":
                    raise AnsweredNo(f"AWS will not redrive it: {error.response['Error']['Message']}") from error
            raise
        act.new = {"redriven_at": taken_up.isoformat()}
    return taken_up
