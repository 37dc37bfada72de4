"""What DynamoDB refuses of an expression before it reads any item: reserved words, and two changes of one attribute.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html and …/Expressions.UpdateExpressions.html. The engine
refuses reserved words in most expressions, but in a filter only where it meets an item, and takes two changes of one attribute."""

import json
import re
from collections.abc import Awaitable, Callable, Iterator

from ministack.services import dynamodb

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json, Response

EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
_NAME = re.compile(r"(?<![#:\w])[A-Za-z_]\w*(?!\w|\s*\()")
_SYNTAX = frozenset({"AND", "OR", "NOT", "IN", "BETWEEN"})
_CLAUSES = frozenset({"SET", "REMOVE", "ADD", "DELETE"})
_CHANGED = re.compile(r"(?:\b(?:SET|REMOVE|ADD|DELETE)\s+|,\s*)([#\w.\[\]]+)", re.IGNORECASE)


def apply() -> None:
    patch.wrap(dynamodb, "handle_request", _handle_request)


async def _handle_request(
    original: Callable[..., Awaitable[Response]], method: str, path: str, headers: Json, body: bytes, query: Json
) -> Response:
    fault = next(_faults(body), None)
    if fault is not None:
        refused: Response = dynamodb.error_response_json("ValidationException", fault, 400)
        return refused
    return await original(method, path, headers, body, query)


def _faults(body: bytes) -> Iterator[str]:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return  # the engine says what it thinks of it
    for holder in _holders(request if isinstance(request, dict) else {}):
        for kind in EXPRESSIONS:
            yield from _reserved(kind, holder.get(kind) or "")
        yield from _overlapping(holder)


def _holders(request: Json) -> Iterator[Json]:
    yield request
    for items in (request.get("TransactItems"), *(request.get("RequestItems") or {}).values()):
        for item in items if isinstance(items, list) else [items]:
            yield from (part for part in (item or {}).values() if isinstance(part, dict))


def _reserved(kind: str, expression: str) -> Iterator[str]:
    allowed = _CLAUSES if kind == "UpdateExpression" else _SYNTAX
    for name in _NAME.findall(expression):
        if name.upper() in dynamodb.AWS_KEYWORDS and name.upper() not in allowed:
            yield f"Invalid {kind}: Attribute name is a reserved keyword; reserved keyword: {name}"


def _overlapping(holder: Json) -> Iterator[str]:
    names = holder.get("ExpressionAttributeNames") or {}
    expression = re.sub(
        r"\([^()]*\)", "", holder.get("UpdateExpression") or ""
    )  # arguments of functions change nothing
    paths = [names.get(path, path) for path in _CHANGED.findall(expression)]
    for path in paths:
        if paths.count(path) > 1:
            yield (
                "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; "
                f"path one: [{path}], path two: [{path}]"
            )
