"""Functions of the rule SQL that the engine lacks: ``substring`` and ``get_dynamodb``, and ``f(…).attribute``.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html. What cannot be read (no item, no attribute, no
permission, wrong arguments) is Undefined, which only ``isUndefined`` can tell from a value; an Undefined comparison does not
fire a rule, nor does its negation. String literals may stand in double quotes, as in AWS's examples of these functions.
"""

import re
from decimal import Decimal

from ministack.services import dynamodb, iot

from gatehouse.local_cloud.additions import rule_message
from gatehouse.local_cloud.additions.values import Json

_CALL_ATTRIBUTE = re.compile(r"(?P<call>[A-Za-z_]\w*\s*\(.*\))\.(?P<path>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)", re.DOTALL)


def apply() -> None:
    iot._IMPLEMENTED_SQL_FUNCS = iot._IMPLEMENTED_SQL_FUNCS | {"get_dynamodb", "substring"}
    _add_functions()
    _add_attribute_of_call()


def _add_functions() -> None:
    original = iot._eval_select_function

    def eval_select_function(
        name: str, args: list[str], topic: str, payload: bytes, message: Json, client_id: str | None = None
    ) -> Json:
        if name not in ("get_dynamodb", "substring"):
            return original(name, args, topic, payload, message, client_id)
        values = [iot._eval_select_expr(arg, topic, payload, message, client_id) for arg in args]
        return _substring(values) if name == "substring" else _get_dynamodb(values)

    iot._eval_select_function = eval_select_function


def _add_attribute_of_call() -> None:
    original_value, original_operand, original_leaf = (
        iot._eval_select_expr,
        iot._valid_where_operand,
        iot._parse_where_leaf,
    )

    def eval_select_expr(expr: str, topic: str, payload: bytes, message: Json, client_id: str | None = None) -> Json:
        expr = expr.strip()
        if re.fullmatch(r'"[^"]*"', expr):
            return expr[1:-1]
        match = _attribute_of_call(expr)
        if match is None:
            return original_value(expr, topic, payload, message, client_id)
        result = original_value(match["call"], topic, payload, message, client_id)
        return iot._resolve_attribute(result, match["path"])

    def valid_where_operand(expr: str) -> bool:
        return _attribute_of_call(expr.strip()) is not None or bool(original_operand(expr))

    def parse_where_leaf(clause: str) -> tuple[Json, ...] | None:
        if _attribute_of_call(clause.strip()):
            return ("truth", clause.strip())
        leaf: tuple[Json, ...] | None = original_leaf(clause)
        return leaf

    iot._eval_select_expr = eval_select_expr
    iot._valid_where_operand = valid_where_operand
    iot._parse_where_leaf = parse_where_leaf


def _attribute_of_call(expr: str) -> re.Match[str] | None:
    match = _CALL_ATTRIBUTE.fullmatch(expr)
    if match is None or iot._strip_where_group(match["call"][match["call"].index("(") :]) is None:
        return None
    return match


def _substring(values: list[Json]) -> Json:
    """``substring(String, Int[, Int])``: 0-based, the second index excluded, indices clamped to the string."""
    if len(values) not in (2, 3) or iot._MISSING in values:
        return iot._MISSING
    text, *indices = iot._sql_as_string(values[0]), *(iot._sql_as_number(value) for value in values[1:])
    if text is None or not all(isinstance(index, int) for index in indices):
        return iot._MISSING
    start, *end = (min(max(index, 0), len(text)) for index in indices)
    return text[start : end[0]] if end else text[start:]


def _get_dynamodb(values: list[Json]) -> Json:
    """``get_dynamodb(table, key name, key value[, sort key name, sort key value], role)``: the item, or Undefined."""
    if len(values) not in (4, 6) or iot._MISSING in values:
        return iot._MISSING
    table, *pairs, role = values
    resource = f"arn:aws:dynamodb:{iot.get_region()}:{iot.get_account_id()}:table/{table}"
    if not rule_message.role_allows(role, "dynamodb:GetItem", resource):
        iot.logger.warning("Rule SQL get_dynamodb: %s may not perform dynamodb:GetItem on %s", role, resource)
        return iot._MISSING
    key = {name: _attribute_value(value) for name, value in zip(pairs[::2], pairs[1::2], strict=True)}
    status, _, body = dynamodb._get_item({"TableName": table, "Key": key})
    item = iot.json.loads(body).get("Item") if status < 300 else None
    return {name: _plain(value) for name, value in item.items()} if item else iot._MISSING


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
