"""What the engine lacks of the rule SQL: ``get_dynamodb``, ``f(…).attribute``, and Undefined.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html. Wrong arguments, and an attribute that is not there, are
Undefined, which only ``isUndefined`` can tell from a value. String literals may stand in double quotes, as in AWS's examples of this
function.

What AWS refuses or leaves undefined:

- ``get_dynamodb`` may be called once in a statement; a second call ends the rule without any action (the same page, at *get_dynamodb*).
- More than 8 KB from it: the action may not be invoked (there). Here it never is.
- An item that is not there, or a role that may not read it, is an error of the function. In WHERE nothing happens then, and the error
  action does not run (https://repost.aws/questions/QUtmrQNjM4SkiP8mWy31_8Ew, one report and its answer). What happens in SELECT no page
  says: here it ends the rule too.
- AND and OR with an Undefined operand are Undefined, ``true OR Undefined`` too
  (https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html); the engine lets the other operand decide. A rule fires
  on true only.
- A function that AWS does not have is refused when the rule is made: ``SqlParseException``
  (https://docs.aws.amazon.com/iot/latest/apireference/API_CreateTopicRule.html). So is, here, one that the engine does not have: it
  would be Undefined."""

import json
import re
from collections.abc import Callable
from decimal import Decimal

from ministack.services import dynamodb, iot

from gatehouse.local_cloud.additions import patch, rule_message
from gatehouse.local_cloud.additions.rule_message import RuleEnded
from gatehouse.local_cloud.additions.values import Json

MOST_BYTES_READ = 8 * 1024
_CALL_ATTRIBUTE = re.compile(r"(?P<call>[A-Za-z_]\w*\s*\(.*\))\.(?P<path>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)", re.DOTALL)
_LITERAL = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"")
_READ = re.compile(r"\bget_dynamodb\s*\(", re.IGNORECASE)


def apply() -> None:
    iot._IMPLEMENTED_SQL_FUNCS = iot._IMPLEMENTED_SQL_FUNCS | {"get_dynamodb"}
    patch.wrap(iot, "_eval_select_function", _eval_select_function)
    patch.wrap(iot, "_eval_select_expr", _eval_select_expr)
    patch.wrap(iot, "_valid_where_operand", _valid_where_operand)
    patch.wrap(iot, "_parse_where_leaf", _parse_where_leaf)
    patch.wrap(iot, "_eval_where_node", _eval_where_node)
    patch.wrap(iot, "_validate_rule_sql", _validate_rule_sql)
    patch.wrap(iot, "_rule_event", _rule_event)


def _eval_where_node(
    original: Callable[..., Json], node: Json, topic: str, payload: bytes, message: Json, client_id: str | None
) -> Json:
    if node[0] not in ("or", "and"):
        return original(node, topic, payload, message, client_id)
    results = [iot._eval_where_node(child, topic, payload, message, client_id) for child in node[1]]
    if any(result is iot._MISSING for result in results):
        return iot._MISSING
    return any(results) if node[0] == "or" else all(results)


def _validate_rule_sql(original: Callable[..., str | None], sql: str) -> str | None:
    unknown = iot._unimplemented_sql_functions(_LITERAL.sub("''", sql or ""))
    if unknown:
        return f"Unknown function: {', '.join(unknown)}. AWS IoT or its local stand-in does not have it"
    error: str | None = original(sql)
    return error


def _rule_event(original: Callable[..., Json], sql: str, *rest: Json, **more: Json) -> Json:
    if len(_READ.findall(_LITERAL.sub("''", sql or ""))) > 1:
        raise RuleEnded("get_dynamodb may be called once in a statement")
    return original(sql, *rest, **more)


def _eval_select_function(
    original: Callable[..., Json],
    name: str,
    args: list[str],
    topic: str,
    payload: bytes,
    message: Json,
    client_id: str | None = None,
) -> Json:
    if name != "get_dynamodb":
        return original(name, args, topic, payload, message, client_id)
    return _get_dynamodb([iot._eval_select_expr(arg, topic, payload, message, client_id) for arg in args])


def _eval_select_expr(
    original_value: Callable[..., Json],
    expr: str,
    topic: str,
    payload: bytes,
    message: Json,
    client_id: str | None = None,
) -> Json:
    expr = expr.strip()
    if re.fullmatch(r'"[^"]*"', expr):
        return expr[1:-1]
    match = _attribute_of_call(expr)
    if match is None:
        return original_value(expr, topic, payload, message, client_id)
    result = original_value(match["call"], topic, payload, message, client_id)
    return iot._resolve_attribute(result, match["path"])


def _valid_where_operand(original_operand: Callable[..., bool], expr: str) -> bool:
    return _attribute_of_call(expr.strip()) is not None or bool(original_operand(expr))


def _parse_where_leaf(original_leaf: Callable[..., tuple[Json, ...] | None], clause: str) -> tuple[Json, ...] | None:
    if _attribute_of_call(clause.strip()):
        return ("truth", clause.strip())
    leaf: tuple[Json, ...] | None = original_leaf(clause)
    return leaf


def _attribute_of_call(expr: str) -> re.Match[str] | None:
    match = _CALL_ATTRIBUTE.fullmatch(expr)
    if match is None or iot._strip_where_group(match["call"][match["call"].index("(") :]) is None:
        return None
    return match


def _get_dynamodb(values: list[Json]) -> Json:
    """``get_dynamodb(table, key name, key value[, sort key name, sort key value], role)``: the item. Raises RuleEnded."""
    if len(values) not in (4, 6) or iot._MISSING in values:
        return iot._MISSING
    table, *pairs, role = values
    resource = f"arn:aws:dynamodb:{iot.get_region()}:{iot.get_account_id()}:table/{table}"
    if not rule_message.role_allows(role, "dynamodb:GetItem", resource):
        raise RuleEnded(f"get_dynamodb: {role} may not perform dynamodb:GetItem on {resource}")
    key = {name: _attribute_value(value) for name, value in zip(pairs[::2], pairs[1::2], strict=True)}
    status, _, body = dynamodb._get_item({"TableName": table, "Key": key})
    item = json.loads(body).get("Item") if status < 300 else None
    if not item:
        raise RuleEnded(f"get_dynamodb: {table} has no such item")
    plain = {name: _plain(value) for name, value in item.items()}
    if len(json.dumps(plain).encode()) > MOST_BYTES_READ:
        raise RuleEnded(f"get_dynamodb: the item of {table} is larger than {MOST_BYTES_READ} bytes")
    return plain


def _attribute_value(value: Json) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def _plain(value: dict[str, Json]) -> Json:
    ((kind, content),) = value.items()
    if kind == "N":
        number = Decimal(content)
        return int(number) if number == number.to_integral_value() else float(number)
    if kind == "M":
        return {name: _plain(inner) for name, inner in content.items()}
    if kind == "L":
        return [_plain(inner) for inner in content]
    return None if kind == "NULL" else content
