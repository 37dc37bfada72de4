"""The responses of the API, and the HTTP status of each code."""

import msgspec
from aws_lambda_powertools.event_handler import Response
from msgspec import Struct

from workflows.errors import GatehouseError

STATUS = {
    "bad_cursor": 400,
    "bad_delegation": 400,
    "bad_request": 400,
    "reason_required": 400,
    "reason_too_long": 400,
    "unknown_tab": 400,
    "unknown_meaning": 400,
    "no_session": 401,
    "no_token": 401,
    "not_begun": 401,
    "sign_in_failed": 401,
    "stale_sign_in": 401,
    "token_expired": 401,
    "unauthorized": 401,
    "wrong_token": 401,
    "no_delegation": 403,
    "forged": 403,
    "not_allowed": 403,
    "not_eligible": 403,
    "not_yours": 403,
    "self_entered": 403,
    "not_found": 404,
    "already_decided": 409,
    "already_ended": 409,
    "already_voted": 409,
    "evidence_changed": 409,
    "not_together": 409,
    "expired": 410,
    "try_again": 503,
}


class Fault(Struct, frozen=True, kw_only=True):
    """What went wrong: `code` for programs, `message` for people."""

    code: str
    message: str


class Denied(GatehouseError):  # noqa: N818
    """The request is refused with this code."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def answer(value: object, status: int = 200) -> Response[str]:
    """Returns JSON. The headers forbid caches to store it and browsers to guess its type."""
    return Response(
        status_code=status,
        content_type="application/json",
        body=msgspec.json.encode(value).decode(),
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


def fault(code: str, message: str) -> Response[str]:
    return answer(Fault(code=code, message=message), STATUS[code])
