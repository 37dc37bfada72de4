"""Only callers that know a key of this engine may call it: every request is signed, and its signature is checked.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html. By itself the engine takes ``test``, any
account id and the empty key for its administrator, without checking the signature; its own ``/_ministack/`` addresses (reset,
configuration, mail) need no key; and it lets every web page read its answers (``Access-Control-Allow-Origin: *``). Whoever may create a
Lambda here runs code as the engine's owner, so here the administrator's key is the engine's own, of this start, and nothing is read
before the signature is right.

No signature is needed for what needs none on AWS, and for what reveals nothing (``_is_open``). A browser's request from another site is
refused first of all, except to the HTTP API, whose function checks that itself, as on AWS.
"""

import os
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, quote

from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses, router, sigv4
from ministack.services import sts

from gatehouse.local_cloud.additions.values import Response
from gatehouse.loopback import Loopback, Refusal

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_HTTP_API = "/_aws/execute-api/"
_OWN = ("/_ministack/", "/_localstack/", "/health")
_PUBLIC = {"/_ministack/ready", "/_ministack/iot/ca.pem"}
# https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-userpools-server-contract-reference.html, as the engine has them
_SIGN_IN = {
    ("GET", "/oauth2/authorize"), ("GET", "/oauth2/idpresponse"), ("POST", "/oauth2/idpresponse"),
    ("POST", "/oauth2/login"), ("POST", "/login"), ("POST", "/oauth2/token"),
    ("GET", "/oauth2/userInfo"), ("POST", "/oauth2/userInfo"), ("GET", "/logout"),
}  # fmt: skip
# A pool's id has an underscore, a bucket's name never: without a pool of that id the engine takes the path for an object's.
_POOL_KEYS = re.compile(r"/[\w-]+_[0-9a-zA-Z]+/\.well-known/(jwks\.json|openid-configuration)")
# Shorter paths under _HTTP_API name no API and stage; the engine takes them for another service's.
_HTTP_API_CALL = re.compile(re.escape(_HTTP_API) + r"[^/]+/.*", re.DOTALL)
_CREDENTIALS = {"X-Amz-Credential", "x-amz-credential", "AWSAccessKeyId"}  # of a presigned address
_USER_POOLS = "AWSCognitoIdentityProviderService."


def apply() -> None:
    iam_evaluator.is_root_access_key = sts.is_root_access_key = _is_administrators
    iam_evaluator._is_root_key = _is_believed_unsigned
    app.app = _Guarded(app.app, Loopback(int(os.environ["GATEWAY_PORT"])))


def _is_believed_unsigned(access_key_id: str) -> bool:  # noqa: ARG001 - the engine's signature
    """Always False. The engine asks this to accept a key without checking its signature."""
    return False


def _is_administrators(access_key_id: str) -> bool:
    """The empty key stands for the engine's own calls, and for what `_is_open` lets in without a key."""
    return access_key_id in ("", os.environ["AWS_ACCESS_KEY_ID"])


class _Guarded:
    """The engine's ASGI application behind the checks (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

    def __init__(self, engine: Callable[..., Awaitable[None]], loopback: Loopback) -> None:
        self._engine, self._loopback = engine, loopback

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # none of the project's services speaks it
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._engine(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): sigv4.decode_header_value(value) for name, value in scope["headers"]}
        path: str = scope["path"]
        try:
            self._check_browser(scope["method"], path, headers)
            receive = await _checked(scope, headers, receive)
        except Refusal as refusal:
            await _answer(send, refusal.status, {"Content-Type": "text/plain"}, refusal.message.encode())
        except _NotSigned as failure:
            await _answer(send, *failure.response)
        else:
            own_cors = path.startswith(_HTTP_API)
            await self._engine(scope, receive, send if own_cors else _without_cors(send))

    def _check_browser(self, method: str, path: str, headers: dict[str, str]) -> None:
        self._loopback.check_host(headers.get("host", ""))
        if path.startswith(_HTTP_API):
            return
        if (method, path) not in _SIGN_IN:  # which a link in a mail leads to
            self._loopback.check_site(headers.get("sec-fetch-site", ""))
        if "origin" in headers and not self._loopback.is_own(headers["origin"]):
            raise Refusal(403, f"Requests of {headers['origin'][:100]!r} are not answered.")


class _NotSigned(Exception):  # noqa: N818 - an answer
    """A request whose signature is missing or wrong; `response` is what the service says on AWS."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__()


def _is_open(method: str, path: str, headers: dict[str, str]) -> bool:
    """What needs no signature: whether the engine is ready; the broker's certificate, which devices have; the sign-in pages, the keys of
    the user pool and its unsigned operations, which take a password or a token; the HTTP API, whose authorizer takes a token."""
    if _HTTP_API_CALL.fullmatch(path) or (method, path) in _SIGN_IN:
        return True
    if method == "GET":
        return path in _PUBLIC or _POOL_KEYS.fullmatch(path) is not None
    target = headers.get("x-amz-target", "")
    operation = target.removeprefix(_USER_POOLS)
    return (
        (method, path) == ("POST", "/")
        and target.startswith(_USER_POOLS)
        and "authorization" not in headers
        and operation in iam_actions.unsigned_operations("cognito-idp")
    )


async def _checked(scope: dict[str, Any], headers: dict[str, str], receive: Receive) -> Receive:
    """Let in what is open and what is signed; the same body for the engine. Raises _NotSigned.

    The engine chooses the service by the target, the credential scope and ``Action`` before the path, and takes a request with an
    ``Authorization`` of another kind for the administrator's. So a request on an open path that has one of them must be signed.
    """
    method, path = scope["method"], scope["path"]
    query = parse_qs(scope["query_string"].decode("utf-8", "replace"), keep_blank_values=True)
    is_open = _is_open(method, path, headers) and not _names_a_service(method, path, list(scope["headers"]), query)
    if is_open and (method, path) not in _SIGN_IN:
        return receive
    messages = [message := await receive()]
    while message.get("more_body"):
        messages.append(message := await receive())
    body = b"".join(message.get("body", b"") for message in messages)
    if not is_open or _has_action(parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)):
        _check_signature(scope, headers, query, body)

    async def again() -> dict[str, Any]:
        return messages.pop(0) if messages else await receive()

    return again


def _names_a_service(method: str, path: str, fields: list[tuple[bytes, bytes]], query: dict[str, list[str]]) -> bool:
    """Whether anything but the path tells the engine which service is meant, or whose key signed the request."""
    targets = [value for name, value in fields if name.lower() == b"x-amz-target"]
    if len(targets) > ((method, path) == ("POST", "/")):  # where `_is_open` reads one; the engine joins several
        return True
    authorizations = [value.lower() for name, value in fields if name.lower() == b"authorization"]
    if any(value.startswith(b"aws") or b"credential=" in value for value in authorizations):
        return True
    return _has_action(query) or not query.keys().isdisjoint(_CREDENTIALS)


def _has_action(parameters: dict[str, list[str]]) -> bool:
    return "Action" in parameters


def _check_signature(scope: dict[str, Any], headers: dict[str, str], query: dict[str, list[str]], body: bytes) -> None:
    """Raises _NotSigned."""
    raw_path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
    key = router.extract_access_key_id(headers, query)
    if not key:
        raise _refused(scope, headers, query, "MissingAuthenticationToken", "Missing Authentication Token")
    if scope["path"].startswith(_OWN) and not _is_administrators(key):
        raise _refused(
            scope, headers, query, "AccessDenied", "Only the administrator's key opens the engine's own addresses."
        )
    iam_evaluator.pin_signed_request(scope["method"], raw_path, query, scope["headers"])
    iam_evaluator.pin_signed_body(body)
    try:
        account = iam_evaluator.find_iam_access_key_account(key) or responses.get_account_id()
    except iam_evaluator.AmbiguousAccessKeyError:
        account = responses.get_account_id()
    checked = iam_evaluator.authenticate(key, account)
    if not isinstance(checked, iam_evaluator.ResolvedCredential):
        code, said = (
            (checked.code, checked.message) if checked else ("InvalidClientTokenId", "The signature cannot be checked.")
        )
        raise _refused(scope, headers, query, code, said)


def _refused(scope: dict[str, Any], headers: dict[str, str], query: Any, code: str, message: str) -> _NotSigned:
    service = router.detect_service(scope["method"], scope["path"], headers, query)
    failure = iam_evaluator.AuthError(code, message)
    return _NotSigned(app._credential_failure(service, "", responses.new_uuid(), failure, headers))


async def _answer(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    fields = {**headers, "Content-Length": str(len(body)), "X-Content-Type-Options": "nosniff"}
    encoded = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def _without_cors(send: Send) -> Send:
    async def sent(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            kept = [
                field for field in message.get("headers", []) if not field[0].lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": kept}
        await send(message)

    return sent
