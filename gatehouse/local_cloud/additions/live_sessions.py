"""Live MQTT sessions end when their certificate leaves ACTIVE.

https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateCertificate.html: "setting the status to INACTIVE or REVOKED
disconnects devices that use the certificate". AWS takes up to a few minutes; here it is at once.
"""

import asyncio
from collections.abc import Callable

from ministack.services import iot

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Response


def apply() -> None:
    patch.wrap(iot, "_handle_certificate", _handle_certificate)


def _handle_certificate(
    original: Callable[..., Response], method: str, path: str, body: bytes, qp: dict[str, list[str]]
) -> Response:
    answer: Response = original(method, path, body, qp)
    if method in ("PUT", "DELETE") and answer[0] < 300:
        _drop_sessions_without_active_certificate()
    return answer


def _drop_sessions_without_active_certificate() -> None:
    loop = iot._mtls_loop
    if loop is None or loop.is_closed():
        return
    for session in list(iot._connected_clients.values()):
        certificate = session.certificate_id
        if certificate and not session.provisioning_template and not iot._mtls_active_registrations(certificate):
            session._forced_disconnect_reason = "AUTH_ERROR"
            asyncio.run_coroutine_threadsafe(session._send({"type": "websocket.close"}), loop)
