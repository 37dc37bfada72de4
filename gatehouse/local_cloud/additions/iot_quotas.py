"""Throttling of AWS IoT's control plane, if it is requested: the engine throttles no call.

Each operation has a quota of its own a second (https://docs.aws.amazon.com/general/latest/gr/iot-core.html, *API throttling limits*), here
in proportion to DescribeCertificate's; an operation that is not named is not throttled. Above it AWS answers ThrottlingException, 429.
"""

import os
import time
from collections.abc import Awaitable, Callable

from ministack.core import iam_actions
from ministack.services import iot

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Response
from gatehouse.local_cloud.settings import IOT_LOG_VARIABLE, IOT_RATE_VARIABLE

OF_DESCRIBE = {
    "DescribeCertificate": 1.0,
    "UpdateCertificate": 1.0,
    "GetPolicy": 1.0,
    "AttachPolicy": 1.5,
    "CreateThing": 10.0,
    "AddThingToThingGroup": 10.0,
    "AttachThingPrincipal": 10.0,
}
"""Quotas against that of DescribeCertificate: 10, 10, 10, 15, 100, 100 and 100 a second in an account where nothing is raised."""


BURST_SECONDS = 2.0


class Bucket:
    """Tokens of one operation: at most as many as come in `BURST_SECONDS`. AWS does not publish how many it keeps."""

    def __init__(self, rate: float) -> None:
        self.rate, self.size = rate, max(1.0, rate * BURST_SECONDS)
        self.level, self.at = self.size, time.monotonic()

    def grant(self) -> bool:
        now = time.monotonic()
        self.level = min(self.size, self.level + (now - self.at) * self.rate)
        self.at = now
        granted = self.level >= 1.0
        self.level -= granted
        return granted


def apply() -> None:
    if IOT_RATE_VARIABLE not in os.environ:
        return
    buckets = {name: Bucket(share * float(os.environ[IOT_RATE_VARIABLE])) for name, share in OF_DESCRIBE.items()}
    log = open(os.environ[IOT_LOG_VARIABLE], "a", buffering=1, encoding="ascii")  # noqa: SIM115 - for the engine's life

    async def handle_request(
        original: Callable[..., Awaitable[Response]],
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, object],
    ) -> Response:
        action = iam_actions.extract_iam_action("iot", method, path, headers, body, query_params) or ""
        bucket = buckets.get(action.removeprefix("iot:"))
        granted = bucket is None or bucket.grant()
        log.write(f"{time.time():.3f} {action} {'passed' if granted else 'throttled'}\n")
        if not granted:
            refused: Response = iot.error_response_json("ThrottlingException", "Rate exceeded", 429)
            return refused
        return await original(method, path, headers, body, query_params)

    patch.wrap(iot, "handle_request", handle_request)
