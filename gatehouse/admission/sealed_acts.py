"""Acts on an admission that the stack seals before it carries them out.

The person who asks proves their identity by a signature that AWS STS checks.
"""

import secrets

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError

from gatehouse.errors import AnsweredNo, NotPermitted, Unreachable
from gatehouse.stack.target import Target
from workflows import stored
from workflows.evidence import acts
from workflows.evidence.acts import Ask, Kind, Proof


class Failed(msgspec.Struct, rename="camel"):
    """What Lambda returns for a function that raised an error."""

    error_type: str = ""
    error_message: str = ""


def carry_out(
    target: Target, act: Kind, certificate_id: str, execution_arn: str, reason: str, *, device: str | None = None
) -> str:
    """Have the act sealed and carried out. Returns the key of its record. `device` is the device to unbind.

    Raises `AnsweredNo` if it must not be done (any more), `NotPermitted` if the stack does not accept our identity, `Unreachable` if it
    could not be sealed: in each case nothing was done, unless the message says otherwise.
    """
    ask = Ask(
        id=secrets.token_hex(16),
        act=act,
        certificate_id=certificate_id,
        execution_arn=execution_arn,
        reason=reason,
        bucket=target.output("EvidenceBucket"),
        device=device,
    )
    request = acts.Request(ask=ask, proof=_sign(target, acts.digest(ask)))
    try:
        answer = target.client("lambda").invoke(
            FunctionName=target.output("SealActArn"), Payload=msgspec.json.encode(request)
        )
        content = answer["Payload"].read()
    except BotoCoreError as error:
        raise Unreachable(
            f"No answer to {act} of {certificate_id}: {error}. Whether it was done: gatehouse evidence show {certificate_id}"
        ) from error
    except ClientError as error:
        if error.response["Error"]["Code"] in ("AccessDeniedException", "AccessDenied"):
            raise NotPermitted(f"Nothing was done: {error}") from error
        raise
    if answer.get("FunctionError"):
        raise _fault(stored.read(content, Failed), act, certificate_id)
    done = stored.read(content, acts.Answer)
    if done.status == "refused":
        raise AnsweredNo(done.reason)
    return done.evidence_key


def _sign(target: Target, digest: str) -> Proof:
    """Returns a request to the STS of the function's Region, signed but not sent: the function sends it. It needs no permission.

    The operator's Region and settings for STS are not used: the function sends it to no other address.
    """
    region = target.output("SealActArn").split(":")[3]
    endpoint = target.local.endpoint if target.local else acts.sts_endpoint(region)
    request = AWSRequest(
        method="POST",
        url=f"{endpoint.rstrip('/')}/",
        data=acts.BODY,
        headers={"Content-Type": acts.CONTENT_TYPE, acts.HEADER: digest},
    )
    SigV4Auth(target.credentials(), "sts", region).add_auth(request)
    signed = request.headers
    return Proof(
        authorization=signed["Authorization"],
        date=signed["X-Amz-Date"],
        security_token=signed.get("X-Amz-Security-Token"),
    )


def _fault(found: Failed, act: Kind, certificate_id: str) -> Exception:
    said = f"{found.error_type}: {found.error_message}"
    match found.error_type:
        case "CallerNotProven":
            return NotPermitted(f"The stack does not accept your identity. {said} Nothing was done.")
        case "ExecutionNotRedriven":
            return AnsweredNo(f"AWS refused the redrive after the act was sealed. {said}")
    return Unreachable(
        f"{act} of {certificate_id} could not be sealed or carried out: {said} "
        f"It was not done unless a record says so: gatehouse evidence show {certificate_id}"
    )
