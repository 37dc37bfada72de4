"""Two refusals of AWS IoT that the engine leaves out.

- ``UpdateCertificate`` never sets PENDING_ACTIVATION or PENDING_TRANSFER: "you cannot use UpdateCertificate to change the status
  to …" (https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateCertificate.html).
- ``AttachThingPrincipal`` with ``thingPrincipalType=EXCLUSIVE_THING`` keeps a principal to one thing: a principal held
  exclusively goes to no other thing (https://docs.aws.amazon.com/iot/latest/developerguide/exclusive-thing.html).
"""

from ministack.services import iot

from gatehouse.local_cloud.additions.values import Response

_NOT_BY_UPDATE = ("PENDING_ACTIVATION", "PENDING_TRANSFER")


def apply() -> None:
    _refuse_pending_status()
    _keep_exclusive_things()


def _refuse_pending_status() -> None:
    original = iot._handle_certificate

    def handle_certificate(method: str, path: str, body: bytes, qp: dict[str, str]) -> Response:
        if method == "PUT":
            status = (iot._parse_body(body) or {}).get("newStatus") or qp.get("newStatus")
            if status in _NOT_BY_UPDATE:
                return _refused("InvalidRequestException", f"Cannot set the status of a certificate to {status}", 400)
        answer: Response = original(method, path, body, qp)
        return answer

    iot._handle_certificate = handle_certificate


def _keep_exclusive_things() -> None:
    original = iot._handle_thing_principals

    def handle_thing_principals(
        method: str, path: str, headers: dict[str, str], body: bytes, qp: dict[str, str]
    ) -> Response:
        principal = headers.get("x-amzn-principal") or qp.get("principal") or ""
        certificate = iot._certificates.get(principal.rsplit("/", 1)[-1])
        if method != "PUT" or certificate is None:
            answer: Response = original(method, path, headers, body, qp)
            return answer
        exclusive = qp.get("thingPrincipalType") == "EXCLUSIVE_THING"
        thing = iot._thing_arn(path[len("/things/") : -len("/principals")])
        others = [arn for arn in certificate.get("attachedThings", []) if arn != thing]
        if others and (exclusive or certificate.get("exclusiveThing")):
            return _refused("ConflictException", f"Principal {principal} is already attached to another thing", 409)
        answer = original(method, path, headers, body, qp)
        if answer[0] < 300:
            certificate["exclusiveThing"] = exclusive
        return answer

    iot._handle_thing_principals = handle_thing_principals


def _refused(code: str, message: str, status: int) -> Response:
    answer: Response = iot.error_response_json(code, message, status)
    return answer
