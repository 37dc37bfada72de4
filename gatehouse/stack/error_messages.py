"""The message and the exit code of each error that is expected."""

from botocore import exceptions as botocore_exceptions
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from gatehouse.errors import AnsweredNo, NotPermitted, Unreachable
from gatehouse.local_cloud.errors import LocalCloudError
from workflows.errors import BadInput, GatehouseError, MayWorkLater

NO, USAGE, UNREACHABLE, NOT_PERMITTED = 1, 2, 3, 4
EXIT_CODES = """\
0 done, or the answer is yes · 1 the answer is no, or a result is not as expected · 2 wrong usage or input ·
3 AWS or the local cloud cannot be reached or does not run · 4 not signed in, or not permitted · 130 interrupted"""

_USE_LOCAL = "or use the local cloud with --local."
_EXPECTED: tuple[tuple[type[Exception] | tuple[type[Exception], ...], int, str], ...] = (
    (BadInput, USAGE, ""),
    (NotPermitted, NOT_PERMITTED, ""),
    (AnsweredNo, NO, ""),
    ((Unreachable, LocalCloudError, MayWorkLater), UNREACHABLE, ""),
    (GatehouseError, NO, ""),
    ((ProfileNotFound, NoRegionError), USAGE, f"Name one with --profile or --region, {_USE_LOCAL}"),
    (
        (HTTPClientError, botocore_exceptions.ConnectionError),
        UNREACHABLE,
        "AWS cannot be reached. Check the network and the Region.",
    ),
    (
        (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError, SSOError),
        NOT_PERMITTED,
        f"Sign in to AWS, name a --profile, {_USE_LOCAL}",
    ),
    (BotoCoreError, USAGE, ""),
)
"""Kind of error, exit code, and advice for the end of the message. The first kind that matches counts."""

_DENIED = ("AccessDenied", "AuthorizationError", "KMS.AccessDenied", "NotAuthorized", "Unauthorized")
"""Codes that mean: AWS knows the identity, and it lacks the permission."""
_NOT_KNOWN = (
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignature",
    "InvalidToken",
    "MissingAuthenticationToken",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNot",
    "TokenRefreshRequired",
    "UnrecognizedClient",
)
"""Codes that mean: AWS does not accept the credentials (AWS API references, *Common errors*; Amazon S3, *Error responses*)."""
_THROTTLED = (
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "ProvisionedThroughput",
    "RequestLimitExceeded",
    "SlowDown",
    "TooManyRequests",
)
"""Codes that begin like this mean too many calls, and so do those that contain ``throttl`` (such as SNS's ``KMSThrottling``)."""
_UNAVAILABLE = ("InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable")


def explain(error: Exception) -> tuple[str, int | None]:
    """The message and the exit code of an error. The code is None for an unexpected error."""
    if isinstance(error, ClientError):
        return _aws_said(error)
    for kind, code, advice in _EXPECTED:
        if isinstance(error, kind):
            return f"{str(error).removesuffix('.')}. {advice}" if advice else str(error), code
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}.", USAGE
    return str(error), None


def _aws_said(error: ClientError) -> tuple[str, int]:
    """What an error of AWS means for the operator, then AWS's own message, which names the identity and the missing permission."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    said = f"AWS says: {error.response.get('Error', {}).get('Message') or 'nothing more'} ({code})"
    if code.startswith(_DENIED):
        return f"AWS does not permit {error.operation_name} with these credentials. {said}", NOT_PERMITTED
    if code.startswith(_NOT_KNOWN):
        advice = f"Sign in to AWS again, name a --profile, {_USE_LOCAL} Start a running console again."
        return f"AWS does not accept these credentials, or no longer. {advice} {said}", NOT_PERMITTED
    if "throttl" in code.lower() or code.startswith(_THROTTLED):
        return f"AWS gets too many calls at once. Try again in a moment. {said}", UNREACHABLE
    if code.startswith(_UNAVAILABLE):
        return f"AWS cannot do {error.operation_name} now. Try again. {said}", UNREACHABLE
    return str(error), NO
