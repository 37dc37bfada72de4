"""DynamoDB items to and from types. Numbers are integers: nothing that Gatehouse keeps has a fraction."""

from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

T = TypeVar("T")

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def to_item(value: object) -> dict[str, Any]:
    """A struct or dict as a DynamoDB item; attributes that are None are left out."""
    plain = msgspec.to_builtins(value)
    return {key: _serializer.serialize(part) for key, part in plain.items() if part is not None}


def values(**named: object) -> dict[str, Any]:
    """Expression attribute values: ``values(now=1)`` is ``{":now": {"N": "1"}}``."""
    return {f":{name}": _serializer.serialize(msgspec.to_builtins(value)) for name, value in named.items()}


def to_plain(item: dict[str, Any]) -> dict[str, Any]:
    """A DynamoDB item as plain JSON types."""
    return {key: _plain(_deserializer.deserialize(part)) for key, part in item.items()}


def from_item(item: dict[str, Any], kind: type[T]) -> T:
    """A DynamoDB item as `kind`. Raises `msgspec.ValidationError` if it is not one."""
    return msgspec.convert(to_plain(item), kind)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | set):
        return [_plain(part) for part in value]
    return value
