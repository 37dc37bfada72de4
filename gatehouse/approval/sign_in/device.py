"""Signs in with a code that the person types on another device (RFC 8628). The provider must support it; Cognito does not."""

import time
from collections.abc import Callable

import msgspec

from gatehouse.approval.sign_in.provider import SCOPE, Provider, Refused, Tokens
from gatehouse.errors import AnsweredNo
from workflows.errors import BadInput

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What the person is shown (RFC 8628 section 3.2). Times are in seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: float
    verification_uri_complete: str | None = None
    interval: float = 5


def sign_in(
    provider: Provider,
    show: Callable[[Grant], None],
    *,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Tokens:
    """Show the code with `show`, and ask the provider until the person has used it.

    Raises `BadInput` if the provider does not support it, `AnsweredNo` if the code expires, `NotPermitted` if the person refuses.
    """
    endpoint = provider.metadata.device_authorization_endpoint
    if endpoint is None:
        raise BadInput(
            f"{provider.metadata.issuer} does not support device codes (RFC 8628); Amazon Cognito does not either. "
            "Use --no-browser: sign in on any machine, and paste the address to which the browser is sent back."
        )
    try:
        grant = msgspec.convert(provider.post(endpoint, {"scope": SCOPE}), Grant)
    except msgspec.ValidationError as error:
        raise BadInput(f"{provider.metadata.issuer} did not send a usable device code: {error}.") from error
    show(grant)
    interval, until = max(grant.interval, 1.0), clock() + grant.expires_in
    while clock() < until:
        pause(interval)
        try:
            return provider.verified(provider.token(grant_type=GRANT, device_code=grant.device_code))
        except Refused as error:
            match error.code:
                case "authorization_pending":
                    continue
                case "slow_down":  # section 3.5: five seconds more, from now on
                    interval += 5
                case "expired_token":
                    break
                case _:
                    raise
    raise AnsweredNo("The code was not used in time. Sign in again.")
