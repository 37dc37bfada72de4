"""Who invoked a function. Lambda does not say it, so the caller proves it by a signed request that only AWS STS can check.

It works like the sign-in with AWS credentials of HashiCorp Vault and Kubernetes. The caller signs ``sts:GetCallerIdentity`` (which needs
no permission) together with a header that binds the signature to one question. The function sends the request to its own Region's STS and
nowhere else. Caller and function both set that address themselves (`acts.sts_endpoint`), independent of the SDK's version and settings.
Only the local cloud has another address: it sets AWS_ENDPOINT_URL for its functions.
"""

import os
from datetime import datetime, timedelta
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from functions.shared.aws import translated
from workflows.errors import BadInput
from workflows.evidence import acts
from workflows.evidence.acts import Proof
from workflows.evidence.record import Operator

YOUNG_ENOUGH = timedelta(minutes=5)
_BOUND = {"host", "x-amz-date", acts.HEADER.lower()}
_CONFIG = Config(
    signature_version=UNSIGNED,
    connect_timeout=3,
    read_timeout=10,
    retries={"total_max_attempts": 3},
    use_fips_endpoint=False,
    use_dualstack_endpoint=False,
)
_REFUSALS = (
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
"""The error codes with which AWS STS refuses a request."""


class CallerNotProven(BadInput):
    """The proof is not valid, is for another question or account, or is too old: nothing may be done in its signer's name."""


def prove(proof: Proof, digest: str, *, at: datetime, account: str) -> Operator:
    """Returns the AWS identity that signed `proof` for the question with this `digest`. Raises `CallerNotProven`, `AwsUnavailable`."""
    if missing := _BOUND - acts.signed_headers(proof.authorization):
        raise CallerNotProven(f"The signature does not cover {', '.join(sorted(missing))}.")
    try:
        signed_at = acts.signed_at(proof)
    except ValueError as error:
        raise CallerNotProven(f"The signature's date is not a valid date: {error}.") from error
    if abs(at - signed_at) > YOUNG_ENOUGH:
        raise CallerNotProven(f"It was signed at {signed_at.isoformat()}, and it is {at.isoformat()}: check the clock.")
    identity = _ask_sts(proof, digest)
    if identity["Account"] != account:
        raise CallerNotProven(f"{identity['Arn']} is of account {identity['Account']}; expected {account}.")
    return Operator(arn=identity["Arn"], user_id=identity["UserId"], signed_at=signed_at, ask_sha256=digest)


def _ask_sts(proof: Proof, digest: str) -> dict[str, Any]:
    """Makes a new client for this one question: its headers are the caller's, and the next caller must not get them."""
    headers = {
        "Authorization": proof.authorization,
        "X-Amz-Date": proof.date,
        "Content-Type": acts.CONTENT_TYPE,
        acts.HEADER: digest,
    } | ({"X-Amz-Security-Token": proof.security_token} if proof.security_token else {})
    region = os.environ["AWS_REGION"]
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or acts.sts_endpoint(region)
    sts = boto3.client("sts", region_name=region, endpoint_url=endpoint, config=_CONFIG)
    sts.meta.events.register("before-call.sts.GetCallerIdentity", lambda params, **_: params["headers"].update(headers))
    with translated(**dict.fromkeys(_REFUSALS, CallerNotProven)):
        answer: dict[str, Any] = dict(sts.get_caller_identity())
    return answer
