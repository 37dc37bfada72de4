"""What an error that can happen to anybody means to whoever asked: a message, and the exit code of the command."""

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
0 done, or the answer is yes · 1 the answer is no, or something ended otherwise than expected · 2 wrong usage or input ·
3 AWS or the local cloud cannot be reached or does not run · 4 not signed in, or not permitted · 130 interrupted"""

_AIM = "or aim at the local cloud with --local."
_FORESEEN: tuple[tuple[type[Exception] | tuple[type[Exception], ...], int, str], ...] = (
    (BadInput, USAGE, ""),
    (NotPermitted, NOT_PERMITTED, ""),
    (AnsweredNo, NO, ""),
    ((Unreachable, LocalCloudError, MayWorkLater), UNREACHABLE, ""),
    (GatehouseError, NO, ""),
    ((ProfileNotFound, NoRegionError), USAGE, f" Name one with --profile or --region, {_AIM}"),
    (
        (HTTPClientError, botocore_exceptions.ConnectionError),
        UNREACHABLE,
        " AWS cannot be reached; is the network up, and the Region right?",
    ),
    (
        (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError, SSOError),
        NOT_PERMITTED,
        f". Sign in to AWS, name a --profile, {_AIM}",
    ),
    (BotoCoreError, USAGE, ""),
)
"""Which error ends with which exit code, and what to add to its message; the first that fits."""

_DENIED = ("AccessDenied", "AuthorizationError", "KMS.AccessDenied", "NotAuthorized", "Unauthorized")
"""Whoever calls is known, and may not."""
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
"""Credentials that AWS does not take, or no longer (AWS API references, *Common errors*; Amazon S3, *Error responses*)."""
_THROTTLED = (
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "ProvisionedThroughput",
    "RequestLimitExceeded",
    "SlowDown",
    "TooManyRequests",
)
"""How codes begin that mean too many calls, beside those that hold ``throttl`` (such as SNS's ``KMSThrottling``)."""
_UNAVAILABLE = ("InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable")


def explain(error: Exception) -> tuple[str, int | None]:
    """The message and the exit code for an error; None for one that nobody foresaw."""
    if isinstance(error, ClientError):
        return _aws_said(error)
    for kind, code, advice in _FORESEEN:
        if isinstance(error, kind):
            return f"{str(error).removesuffix('.') if advice.startswith('.') else error}{advice}", code
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}.", USAGE
    return str(error), None


def _aws_said(error: ClientError) -> tuple[str, int]:
    """What it means for whoever asked, then AWS's own words, which name who it was and what they may not do."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    said = f"AWS says: {error.response.get('Error', {}).get('Message') or 'nothing more'} ({code})"
    if code.startswith(_DENIED):
        return f"AWS does not permit {error.operation_name} with these credentials. {said}", NOT_PERMITTED
    if code.startswith(_NOT_KNOWN):
        advice = f"Sign in to AWS again, name a --profile, {_AIM} A console that runs must be started again."
        return f"AWS does not take these credentials, or no longer. {advice} {said}", NOT_PERMITTED
    if "throttl" in code.lower() or code.startswith(_THROTTLED):
        return f"AWS gets too many calls at once; try again in a moment. {said}", UNREACHABLE
    if code.startswith(_UNAVAILABLE):
        return f"AWS cannot do {error.operation_name} now; try again. {said}", UNREACHABLE
    return str(error), NO
