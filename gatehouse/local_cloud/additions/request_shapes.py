"""Every request is held to AWS's own model of it: required members, types, lengths, ranges, patterns and enumerations.

botocore's service models carry the constraints that each API reference page states, such as *Length Constraints* and *Pattern* at
https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThing.html. The SDKs check only some of them; AWS checks them all, with
one sentence (https://docs.aws.amazon.com/IAM/latest/UserGuide/error_validation.html shows its form), before anything else happens.
The engine checks a few by hand.

Held so: the services of `SERVICES`, whose requests are JSON. Not held: S3, SNS, STS, IAM, CloudFormation and CloudWatch (XML, Query and
CBOR), and what a stack creates, since the engine's CloudFormation calls no API."""

import base64
import binascii
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from typing import Any

import botocore.session
import regex
from botocore.model import OperationModel, ServiceModel, Shape, StructureShape
from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import error_response_json

from gatehouse.local_cloud.additions.values import Json, Response

SERVICES = {
    "cognito-idp": ("cognito-idp", "InvalidParameterException"),
    "dynamodb": ("dynamodb", "ValidationException"),
    "events": ("events", "ValidationException"),
    "iot": ("iot", "InvalidRequestException"),
    "kms": ("kms", "ValidationException"),
    "sqs": ("sqs", "InvalidParameterValue"),
    "states": ("stepfunctions", "ValidationException"),
}
"""The engine's name of a service: botocore's, and the code with which the service refuses."""

SHOWN = 100
"""Characters of a refused value that are shown."""

Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Json]], Awaitable[Response]]


def apply() -> None:
    for service in SERVICES:
        app.SERVICE_HANDLERS[service] = _held(service, app.SERVICE_HANDLERS[service])


def _held(service: str, original: Handler) -> Handler:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Json]) -> Response:
        botocore_name, code = SERVICES[service]
        operation = _operation(service, botocore_name, method, path, headers, query)
        if operation is not None and operation.input_shape is not None:
            found = list(violations(_input(operation, path, headers, body, query), operation.input_shape))
            if found:
                plural = "s" if len(found) > 1 else ""
                told = f"{len(found)} validation error{plural} detected: {'; '.join(found)}"
                refused: Response = error_response_json(code, told, 400)
                return refused
        return await original(method, path, headers, body, query)

    return handle


@cache
def _model(botocore_name: str) -> ServiceModel:
    loader = botocore.session.get_session().get_component("data_loader")
    return ServiceModel(loader.load_service_model(botocore_name, "service-2"), botocore_name)


def _operation(
    service: str, botocore_name: str, method: str, path: str, headers: dict[str, str], query: dict[str, Json]
) -> OperationModel | None:
    model = _model(botocore_name)
    name = headers.get("x-amz-target", "").rpartition(".")[2]
    if model.metadata["protocol"] == "rest-json":
        name = iam_actions._match_rest_action(service, method, path, query) or ""
    return model.operation_model(name) if name in model.operation_names else None


def _input(
    operation: OperationModel, path: str, headers: dict[str, str], body: bytes, query: dict[str, Json]
) -> dict[str, Json]:
    """What the caller sent, gathered into one structure from wherever the protocol puts each member."""
    try:
        sent = json.loads(body or b"{}")
    except ValueError:
        sent = {}  # the engine says what it thinks of a body that is no JSON
    if not isinstance(sent, dict):
        return {}
    labels = _labels(operation.http["requestUri"]).fullmatch(path.rstrip("/"))
    whole = operation.input_shape.serialization.get("payload")  # type: ignore[union-attr]
    gathered: dict[str, Json] = {whole: sent} if whole else {}
    for member, shape in operation.input_shape.members.items():  # type: ignore[union-attr]
        place, name = shape.serialization.get("location"), shape.serialization.get("name", member)
        if place == "uri" and labels:
            gathered[member] = _typed(labels[name], shape)
        elif place == "querystring" and name in query:
            value = query[name]
            gathered[member] = _typed(value[0] if isinstance(value, list) else value, shape)
        elif place == "header" and name.lower() in headers:
            gathered[member] = _typed(headers[name.lower()], shape)
        elif place is None and not whole and name in sent:
            gathered[member] = sent[name]
    return gathered


@cache
def _labels(uri: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\+?\}", uri.partition("?")[0].rstrip("/"))
    return re.compile("".join(f"(?P<{p}>.+?)" if odd % 2 else re.escape(p) for odd, p in enumerate(parts)), re.DOTALL)


def _typed(text: str, shape: Shape) -> Json:
    """A label, a query parameter or a header in the type of its shape, as far as it reads so."""
    if shape.type_name in ("integer", "long"):
        return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


def violations(value: Json, shape: Shape, at: str = "") -> Iterator[str]:
    """Each constraint of the shape that the value breaks, in AWS's words."""
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            yield from _of_members(value, shape, at)  # type: ignore[arg-type]
        case "list" if isinstance(value, list):
            yield from _of_size(len(value), value, shape, at, "length")
            for index, item in enumerate(value, 1):
                yield from violations(item, shape.member, f"{at}.{index}.member")  # type: ignore[attr-defined]
        case "map" if isinstance(value, dict):
            yield from _of_size(len(value), value, shape, at, "length")
            for key, item in value.items():
                yield from violations(key, shape.key, f"{at}.key")  # type: ignore[attr-defined]
                yield from violations(item, shape.value, f"{at}.{key}.member")  # type: ignore[attr-defined]
        case "string" if isinstance(value, str):
            yield from _of_text(value, shape, at)
        case "blob" if isinstance(value, str):
            yield from _of_size(_decoded_length(value), value, shape, at, "length")
        case "integer" | "long" | "float" | "double" if _is_number(value):
            yield from _of_size(value, value, shape, at, "value")
        case kind if kind != "timestamp" and not (kind == "boolean" and isinstance(value, bool)):
            # The formats of a timestamp are many, and the engine reads them.
            yield _said(value, shape, at, f"Member must be of type {kind}")


def _of_members(value: dict[str, Json], shape: StructureShape, at: str) -> Iterator[str]:
    prefix = f"{at}." if at else ""
    named = {inner.serialization.get("name", member): inner for member, inner in shape.members.items()}
    if not at:  # the operation's own input is gathered by member
        named = dict(shape.members)
    for name, inner in named.items():
        if value.get(name) is not None:
            yield from violations(value[name], inner, f"{prefix}{name}")
    for member in shape.required_members:
        name = member if not at else shape.members[member].serialization.get("name", member)
        if value.get(name) is None:
            yield f"Value null at '{prefix}{name}' failed to satisfy constraint: Member must not be null"


def _of_text(value: str, shape: Shape, at: str) -> Iterator[str]:
    yield from _of_size(len(value), value, shape, at, "length")
    values = getattr(shape, "enum", [])
    if values and value not in values:
        yield _said(value, shape, at, f"Member must satisfy enum value set: [{', '.join(values)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield _said(value, shape, at, f"Member must satisfy regular expression pattern: {pattern}")


def _of_size(size: float, value: Json, shape: Shape, at: str, what: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < float(least):
        yield _said(value, shape, at, f"Member must have {what} greater than or equal to {least}")
    if most is not None and size > float(most):
        yield _said(value, shape, at, f"Member must have {what} less than or equal to {most}")


@cache
def _compiled(pattern: str) -> Any:
    """AWS's patterns are Java's, and match the whole value. One of them names surrogates, which no Python text holds."""
    return regex.compile(pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"))


def _said(value: Json, shape: Shape, at: str, constraint: str) -> str:
    return f"Value {_shown(value, shape)} at '{at}' failed to satisfy constraint: {constraint}"


def _shown(value: Json, shape: Shape) -> str:
    if shape.metadata.get("sensitive"):
        return "***"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return f"'{text[:SHOWN]}{'…' if len(text) > SHOWN else ''}'"


def _decoded_length(text: str) -> int:
    try:
        return len(base64.b64decode(text, validate=True))
    except binascii.Error:
        return len(text)  # the engine says what it thinks of a blob that is no base64


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
