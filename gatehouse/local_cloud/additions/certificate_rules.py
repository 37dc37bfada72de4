"""Refusals of AWS IoT about certificates that the engine leaves out.

- ``UpdateCertificate`` never sets PENDING_ACTIVATION or PENDING_TRANSFER: "you cannot use UpdateCertificate to change the status to …"
  (https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateCertificate.html).
- REVOKED is final: a revoked certificate cannot be set to another status
  (https://docs.aws.amazon.com/iot/latest/developerguide/revoke-ca-cert.html). AWS does not say with which error it refuses.
- ``AttachThingPrincipal`` with ``thingPrincipalType=EXCLUSIVE_THING`` keeps a principal to one thing: a principal held exclusively goes
  to no other thing (https://docs.aws.amazon.com/iot/latest/developerguide/exclusive-thing.html).
- Detaching is asynchronous: "It might take several seconds for the detachment to propagate"
  (https://docs.aws.amazon.com/iot/latest/apireference/API_DetachThingPrincipal.html), for a policy up to five minutes
  (…/API_DetachPolicy.html). Until then the certificate, the policy or the thing is not deleted. Here that takes `DETACHING_SECONDS`,
  and the first attempt within that time after a detachment always fails, so that a caller that does not try again is noticed."""

import os
import time
from collections.abc import Callable

from ministack.services import iot

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json, Response

_NOT_BY_UPDATE = ("PENDING_ACTIVATION", "PENDING_TRANSFER")
DETACHING_SECONDS = 5.0
"""The longest time of a detachment on AWS, in seconds. It is scaled like Step Functions' waits."""

_detaching: dict[str, float] = {}
"""What was detached and not propagated yet: ARN, and when."""


def apply() -> None:
    patch.wrap(iot, "_handle_certificate", _keep_final_status)
    patch.wrap(iot, "_handle_thing_principals", _handle_thing_principals)
    patch.wrap(iot, "_change_policy_target", _change_policy_target)
    patch.wrap(iot, "_handle_certificate", _delete_detached)
    patch.wrap(iot, "_delete_policy", _delete_policy_later)
    patch.wrap(iot, "_delete_thing", _delete_thing_later)


def _keep_final_status(
    original: Callable[..., Response], method: str, path: str, body: bytes, qp: dict[str, str]
) -> Response:
    if method == "PUT":
        status = (iot._parse_body(body) or {}).get("newStatus") or qp.get("newStatus")
        if status in _NOT_BY_UPDATE:
            return _refused("InvalidRequestException", f"Cannot set the status of a certificate to {status}", 400)
        certificate = iot._certificates.get(path.removeprefix("/certificates/")) or {}
        if certificate.get("status") == "REVOKED" != status:
            told = f"The certificate is REVOKED, which is final: its status cannot be set to {status}"
            return _refused("CertificateStateException", told, 406)
    return original(method, path, body, qp)


def _handle_thing_principals(
    original: Callable[..., Response], method: str, path: str, headers: dict[str, str], body: bytes, qp: dict[str, str]
) -> Response:
    principal = headers.get("x-amzn-principal") or qp.get("principal") or ""
    certificate = iot._certificates.get(principal.rsplit("/", 1)[-1])
    if method == "PUT" and certificate is not None and _held_elsewhere(certificate, path, qp):
        return _refused("ConflictException", f"Principal {principal} is already attached to another thing", 409)
    answer: Response = original(method, path, headers, body, qp)
    if answer[0] < 300 and method == "PUT" and certificate is not None:
        certificate["exclusiveThing"] = qp.get("thingPrincipalType") == "EXCLUSIVE_THING"
    if answer[0] < 300 and method == "DELETE":
        _begin_detaching(principal, _thing_of(path))
    return answer


def _thing_of(path: str) -> str:
    arn: str = iot._thing_arn(path[len("/things/") : -len("/principals")])
    return arn


def _held_elsewhere(certificate: Json, path: str, qp: dict[str, str]) -> bool:
    others = [arn for arn in certificate.get("attachedThings", []) if arn != _thing_of(path)]
    return bool(others) and (
        qp.get("thingPrincipalType") == "EXCLUSIVE_THING" or certificate.get("exclusiveThing", False)
    )


def _change_policy_target(
    change: Callable[..., Response], name: str, target: str | None, *, attach: bool, principal: bool = False
) -> Response:
    held = not attach and target in (iot._policies.get(name) or {}).get("targets", [])
    answer: Response = change(name, target, attach=attach, principal=principal)
    if held and answer[0] < 300:
        _begin_detaching(target or "", iot._policy_arn(name))
    return answer


def _delete_detached(
    handle: Callable[..., Response], method: str, path: str, body: bytes, qp: dict[str, str]
) -> Response:
    arn = iot._cert_arn(path.removeprefix("/certificates/"))
    if method == "DELETE" and _is_detaching(arn):
        return _refused("DeleteConflictException", f"Things must be detached before deletion (arn: {arn})", 409)
    return handle(method, path, body, qp)


def _delete_policy_later(delete_policy: Callable[..., Response], name: str) -> Response:
    if _is_detaching(iot._policy_arn(name)):
        told = f"The policy cannot be deleted as the policy is attached to one or more principals (name={name})"
        return _refused("DeleteConflictException", told, 409)
    return delete_policy(name)


def _delete_thing_later(delete_thing: Callable[..., Response], name: str, expected_version: Json = None) -> Response:
    if _is_detaching(iot._thing_arn(name)):
        told = f"Cannot delete. Thing {name} is still attached to one or more principals"
        return _refused("InvalidRequestException", told, 400)
    return delete_thing(name, expected_version)


def _begin_detaching(*arns: str) -> None:
    for arn in arns:
        _detaching[arn] = time.monotonic()


def _is_detaching(arn: str) -> bool:
    """Whether a detachment is still under way: asked for the first time, or less than the scaled time ago."""
    since = _detaching.get(arn)
    if since is None:
        return False
    passed = time.monotonic() - since
    if passed >= DETACHING_SECONDS:
        del _detaching[arn]
        return False
    scaled = DETACHING_SECONDS * float(os.environ.get("SFN_WAIT_SCALE") or 1)
    _detaching[arn] = since if passed < scaled else since - DETACHING_SECONDS  # over at the next attempt
    return True


def _refused(code: str, message: str, status: int) -> Response:
    answer: Response = iot.error_response_json(code, message, status)
    return answer
