"""DynamoDB items to and from types, for the functions and for the commands.

Numbers are integers: Gatehouse keeps no fractions. The format is that of
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html, as boto3 writes and reads it.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

T = TypeVar("T")


def to_item(value: object) -> dict[str, Any]:
    """A struct or mapping as a DynamoDB item; attributes that are None are left out."""
    serialize = _serializer().serialize
    return {key: serialize(part) for key, part in msgspec.to_builtins(value).items() if part is not None}


def values(**named: object) -> dict[str, Any]:
    """Expression attribute values: ``values(now=1)`` is ``{":now": {"N": "1"}}``."""
    return {f":{name}": _serializer().serialize(msgspec.to_builtins(value)) for name, value in named.items()}


def to_plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """A DynamoDB item as plain JSON types."""
    deserialize = _deserializer().deserialize
    return {key: _plain(deserialize(part)) for key, part in item.items()}


def from_item(item: Mapping[str, Any], kind: type[T]) -> T:
    """A DynamoDB item as `kind`. Raises `msgspec.ValidationError` if it is not one."""
    return msgspec.convert(to_plain(item), kind)


@cache
def _serializer() -> "TypeSerializer":
    from boto3.dynamodb.types import TypeSerializer

    return TypeSerializer()


@cache
def _deserializer() -> "TypeDeserializer":
    from boto3.dynamodb.types import TypeDeserializer

    return TypeDeserializer()


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return int(value)
        case dict():
            return {key: _plain(part) for key, part in value.items()}
        case list() | set():
            return [_plain(part) for part in value]
    return value
