"""Read the files that an operator edits: TOML into types, with errors that name the key, the line and the expected value."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from workflows.errors import BadInput

T = TypeVar("T")

FOLDER = Path(__file__).parents[1] / "config"
"""The folder of the operator's files, in a checkout and in the functions' artifact."""


class ConfigurationInvalid(BadInput):
    """A configuration file cannot be used. No part of it is used."""


def load(text: str, into: type[T], *, file: str) -> T:
    """Parse TOML `text` strictly into the struct type `into`. `file` is only named in errors.

    Raises `ConfigurationInvalid` for a syntax error, an unknown or missing key, a wrong type or a value out of range.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationInvalid(f"{file} is not valid TOML: {error}.") from error
    try:
        return msgspec.convert(data, into)
    except msgspec.ValidationError as error:
        raise ConfigurationInvalid(_explain(str(error), text, into, file)) from error


def line_of(text: str, key: str, table: str = "", occurrence: int = 0) -> int | None:
    """The 1-based line on which `key` is set in the `occurrence`-th ``[table]`` or ``[[table]]``; None if it is not there."""
    current, seen = "", -1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\[?\s*([\w.\"'-]+)\s*\]?\]", line):
            current = header.group(1)
            seen += current == table
        elif re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line) and (
            not table or (current == table and seen == occurrence)
        ):
            return number
    return None


def _explain(message: str, text: str, into: type, file: str) -> str:
    """Turn msgspec's ``… - at `$.rules[2].decide_within` `` into a sentence with file, line and the likely intention."""
    path = match.group(1) if (match := re.search(r" - at `\$\.?(.*?)`$", message)) else ""
    problem = re.sub(r" - at `.*?`$", "", message)
    unknown = re.search(r"unknown field `(.+?)`", problem)
    *parents, last = [part for part in path.replace("[...]", "").split(".") if part] or [""]
    if unknown:
        parents, last = [part for part in [*parents, last] if part], unknown.group(1)
    table, occurrence = _table(parents)
    line = line_of(text, last.split("[")[0], table, occurrence)
    where = f"{file}, line {line}" if line else file
    key = ".".join([*parents, last]) or "the file"
    if unknown:
        known = _fields_at(into, parents)
        close = difflib.get_close_matches(last, known, n=1)
        hint = f" Did you mean `{close[0]}`?" if close else f" Known here: {', '.join(sorted(known))}."
        return f"{where}: unknown key `{key}`.{hint}"
    if invalid := re.search(r"Invalid enum value '(.*)'", problem):
        problem = f"got `{invalid.group(1)}`, expected one of {', '.join(_values_at(into, [*parents, last]))}"
    return f"{where}: `{key}`: {problem}."


def _table(parents: list[str]) -> tuple[str, int]:
    """The TOML table that a path's parents name, and the number among several ``[[table]]``."""
    if not parents:
        return "", 0
    index = re.search(r"\[(\d+)\]$", parents[0])
    names = [re.sub(r"\[.*?\]", "", part) for part in parents]
    return ".".join(names), int(index.group(1)) if index else 0


def _type_at(into: type, path: list[str]) -> msgspec.inspect.Type:
    """The type of the value at `path`: for a list or table the type of its parts, for an optional value the type of the value."""
    node = _part(msgspec.inspect.type_info(into))
    for part in path:
        name = re.sub(r"\[.*?\]", "", part)
        if isinstance(node, msgspec.inspect.StructType):
            node = next((_part(field.type) for field in node.fields if field.encode_name == name), node)
    return node


def _part(node: msgspec.inspect.Type) -> msgspec.inspect.Type:
    while inner := getattr(node, "item_type", None) or getattr(node, "value_type", None):
        node = inner
    if isinstance(node, msgspec.inspect.UnionType):
        return next((_part(one) for one in node.types if not isinstance(one, msgspec.inspect.NoneType)), node)
    return node


def _fields_at(into: type, path: list[str]) -> list[str]:
    """The keys that the table at `path` may have."""
    node = _type_at(into, path)
    return [field.encode_name for field in node.fields] if isinstance(node, msgspec.inspect.StructType) else []


def _values_at(into: type, path: list[str]) -> list[str]:
    """The values that the key at `path` may have."""
    node = _type_at(into, path)
    return [f"`{value}`" for value in node.values] if isinstance(node, msgspec.inspect.LiteralType) else []
