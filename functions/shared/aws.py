"""Access to AWS: one client for each service, and AWS's error codes translated to errors that the state machine knows."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from workflows.errors import AccessRefused, AwsUnavailable, GatehouseError

# Few tries here: the state machine retries after a delay, and a delay inside a Lambda costs money.
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=3, read_timeout=10)

_UNAVAILABLE = frozenset({
    "ConflictException",
    "InternalFailure",
    "InternalFailureException",
    "InternalServerError",
    "KMSInternalException",
    "OperationAborted",  # S3: another conditional write to the same key is under way
    "OverLimit",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "TransactionConflictException",
})  # fmt: skip
_THROTTLED = (
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "SlowDown",
    "TooManyRequests",
    "TransactionInProgress",
)
"""Prefixes of the error codes for too many calls, in addition to codes that contain ``Throttl``. A service may report the throttling of
another service in a code of its own, such as SNS's ``KMSThrottling`` (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)."""
_REFUSED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedException", "AuthorizationError"})


def is_throttling(code: str) -> bool:
    """Returns whether an error code of AWS means that there were too many calls at once, so that a later try may work."""
    return "throttl" in code.lower() or code.startswith(_THROTTLED)


@cache
def client(service: str) -> Any:
    """Returns the function's client for `service`, created at first use and cached while the Lambda is warm.

    A client has about 30,000 objects that stay in memory. Repeated garbage collection would take a third of the time to create it.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]
    finally:
        if collecting:
            gc.enable()


@contextmanager
def translated(**known: type[GatehouseError]) -> Iterator[None]:
    """Translate AWS's errors to ours: `known` maps error codes; throttling and outages become `AwsUnavailable`.

    >>> with translated(ResourceNotFoundException=CertificateUnknown):
    ...     client("iot").describe_certificate(certificateId=certificate_id)

    An unexpected code stays botocore's ClientError, so that the execution fails at this state.
    """
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in known:
            raise known[code](str(error)) from error
        if is_throttling(code) or code in _UNAVAILABLE or status >= 500:
            raise AwsUnavailable(str(error)) from error
        if code in _REFUSED:
            raise AccessRefused(str(error)) from error
        raise
    except ParamValidationError as error:
        # Refused by botocore before it was sent: no further try helps.
        if "InvalidRequestException" in known:
            raise known["InvalidRequestException"](str(error)) from error
        raise
    except BotoCoreError as error:
        raise AwsUnavailable(f"{type(error).__name__}: {error}") from error
