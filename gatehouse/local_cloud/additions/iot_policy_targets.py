"""AttachPolicy and DetachPolicy are authorised on the target they name, not on ``*``.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html: both actions take the resource types ``cert`` and
``thinggroup``. The engine finds no resource in their path, so a role that is limited to certificates could never attach a policy.
"""

import json
from typing import Any

from ministack.core import iam_actions


def apply() -> None:
    resource_arn = iam_actions.extract_resource_arn

    def extract_resource_arn(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any
    ) -> Any:
        if service == "iot" and path.startswith("/target-policies/"):
            return _target(body)
        return resource_arn(service, method, path, headers, body, *rest)

    iam_actions.extract_resource_arn = extract_resource_arn


def _target(body: bytes) -> str:
    try:
        target = json.loads(body).get("target")
    except (ValueError, AttributeError):
        return "*"
    return target if isinstance(target, str) else "*"
