"""One start, in a process of its own. Nothing is imported before it is needed, since the imports are measured too."""

import json
import sys
import time


def ours(path: str) -> None:
    """The function, as Lambda starts it: its module, then its handler."""
    start = _read(path)
    from importlib import import_module
    from types import SimpleNamespace

    handler = import_module(start["module"]).handler
    clock = sys.modules.get("functions.shared.clock")
    if clock is not None:  # the same time as when it was recorded
        from datetime import datetime

        at = datetime.fromisoformat(start["at"])
        vars(clock)["now"] = lambda: at
    handler(start["event"], SimpleNamespace(aws_request_id="1", function_name="f", memory_limit_in_mb=512))
    _tell()


def bare(path: str) -> None:
    """boto3, the same clients, the same calls."""
    start = _read(path)
    _calls(start)
    _tell()


def usual(path: str) -> None:
    """The same after what Lambdas for devices usually import. Tracer itself needs the X-Ray SDK, which is not installed here."""
    start = _read(path)
    import boto3  # noqa: F401
    from aws_lambda_powertools import Logger, Metrics, Tracer  # noqa: F401
    from cryptography import x509  # noqa: F401
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: F401

    Logger()
    Metrics(namespace="Usual")
    _calls(start)
    _tell()


def _calls(start: dict) -> None:  # type: ignore[type-arg]
    import base64

    import boto3
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=3, read_timeout=10)
    clients: dict[str, object] = {}
    for call in start["calls"]:
        service = call["service"]
        if service not in clients:
            clients[service] = boto3.client(service, config=config)
        bodies = {name: base64.b64decode(data) for name, data in call["binary"].items()}
        try:
            answer = getattr(clients[service], call["method"])(**call["parameters"], **bodies)
        except clients[service].exceptions.ClientError:  # type: ignore[attr-defined]
            continue
        for part in answer.values():
            if hasattr(part, "read"):
                part.read()


def _read(path: str) -> dict:  # type: ignore[type-arg]
    with open(path, encoding="utf-8") as file:
        return json.load(file)  # type: ignore[no-any-return]


def _tell() -> None:
    print(json.dumps({"seconds": time.process_time()}))
