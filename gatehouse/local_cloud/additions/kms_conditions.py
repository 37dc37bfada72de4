"""Conditions of roles on the encryption context that a request to KMS carries. The engine does not fill them in.

``kms:EncryptionContextKeys`` (several values) and ``kms:EncryptionContext:KEY``
(https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html); a request without a context has neither.
"""

import json
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions

from gatehouse.local_cloud.additions import patch


def apply() -> None:
    patch.wrap(iam_actions, "request_tag_context", _with_encryption_context)


def _with_encryption_context(
    engines: Callable[..., dict[str, Any]], service: str, action: str, body: bytes, params: dict[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = engines(service, action, body, params)
    return found | _encryption_context(body) if service == "kms" else found


def _encryption_context(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    context = request.get("EncryptionContext") if isinstance(request, dict) else None
    if not isinstance(context, dict) or not context:
        return {}
    named = {f"kms:encryptioncontext:{name}".lower(): str(value) for name, value in context.items()}
    return named | {"kms:encryptioncontextkeys": [str(name) for name in context]}
