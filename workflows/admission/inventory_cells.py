"""The allowed values of each cell of an inventory file. Each reader returns the value, or raises ValueError with got and expected.

Bounds are AWS IoT's own (API reference: CreateThing, AttributePayload, AddThingToThingGroup), so that a wrong cell is found at the import
and not when a device connects.
"""

import difflib
import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Literal

MAX_GROUPS = 10
MAX_ATTRIBUTES = 50
MAX_COMMON_NAME = 1900  # octets: a DynamoDB key holds 2,048, with its prefix and the issuer's hash
MAX_NOTE = 1000
MAX_LABEL = 128

_THING_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
_ATTRIBUTE_NAME = re.compile(r"[a-zA-Z0-9_.,@/:#-]{1,128}")
_ATTRIBUTE_VALUE = re.compile(r"[a-zA-Z0-9_.,@/:#=\[\]-]{0,800}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ROUNDED = re.compile(r"\d+([.,]\d+)?E\+?\d+", re.IGNORECASE)


def shown(text: str, limit: int = 60) -> str:
    """`text` quoted for a message: control characters escaped, long text cut."""
    return repr(text if len(text) <= limit else text[:limit] + "…")


def plain_text(text: str) -> str:
    """Any text without control characters; a line break inside a cell is a mistake in the spreadsheet."""
    if hidden := next((letter for letter in text if ord(letter) < 32 or 127 <= ord(letter) < 160), None):
        raise ValueError(f"holds the control character {hidden!r}.")
    return text


def thing_name(text: str) -> str:
    return _matching(_THING_NAME, text, "1 to 128 of letters, digits, `:`, `_`, `-`")


def effect(text: str) -> Literal["allow", "deny"]:
    match text.lower():
        case "allow":
            return "allow"
        case "deny":
            return "deny"
    raise ValueError(f"is {shown(text)}; expected `allow` or `deny`.")


def sha256(text: str) -> str:
    """A SHA-256 in hex, also as OpenSSL prints it (``AB:CD:…``)."""
    digits = text.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ValueError(f"is {shown(text)}; expected a SHA-256: 64 hexadecimal digits.")
    return digits


def serial(text: str) -> str:
    """A serial number in hex (RFC 5280 §4.1.2.2: positive, at most 20 octets), as the contracts write it."""
    if _ROUNDED.fullmatch(text):
        raise ValueError(
            f"is {shown(text)}: the spreadsheet has rounded it. Format the column as text and enter it again."
        )
    digits = text.replace(":", "").lower().removeprefix("0x").lstrip("0")
    if not re.fullmatch(r"[0-9a-f]{1,40}", digits):
        raise ValueError(f"is {shown(text)}; expected a positive serial number in hexadecimal, at most 20 octets.")
    return digits


def common_name(text: str) -> str:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_COMMON_NAME:
        raise ValueError(f"has {size} octets; at most {MAX_COMMON_NAME} are allowed.")
    return text


def label(text: str) -> str:
    """A product or a site: the operator's own text, which rules and people read."""
    if len(text) > MAX_LABEL:
        raise ValueError(f"has {len(text)} characters; at most {MAX_LABEL} are allowed.")
    return text


def attribute_value(text: str) -> str:
    return _matching(_ATTRIBUTE_VALUE, text, "at most 800 of letters, digits and `_.,@/:#=[]-`")


def groups(text: str) -> tuple[str, ...]:
    """Thing groups, separated by semicolons, without repeats."""
    names = tuple(dict.fromkeys(thing_name(name.strip()) for name in text.split(";") if name.strip()))
    if len(names) > MAX_GROUPS:
        raise ValueError(f"names {len(names)} groups; a thing can be in {MAX_GROUPS}.")
    return names


def attributes(text: str) -> dict[str, str]:
    """Thing attributes, ``name=value`` separated by semicolons."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"has {shown(part)}; expected `name=value`, separated by semicolons.")
        name = _matching(_ATTRIBUTE_NAME, name.strip(), "an attribute name: 1 to 128 of letters, digits and `_.,@/:#-`")
        if name in found:
            raise ValueError(f"gives {name} twice.")
        found[name] = attribute_value(value.strip())
    if len(found) > MAX_ATTRIBUTES:
        raise ValueError(f"has {len(found)} attributes; a thing can have {MAX_ATTRIBUTES}.")
    return found


def one_of(text: str, known: Collection[str]) -> str:
    """A policy profile that exists."""
    if text in known:
        return text
    close = difflib.get_close_matches(text, list(known), n=1)
    hint = f"Did you mean `{close[0]}`?" if close else f"There are: {', '.join(sorted(known)) or 'none'}."
    raise ValueError(f"is {shown(text)}; this policy profile does not exist. {hint}")


def moment(text: str) -> datetime:
    """A time with its zone (RFC 3339), or a day, which means the beginning of that day in UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None:
        raise ValueError(
            f"is {shown(text)}; expected a day such as 2027-01-31, or a time such as 2027-01-31T18:00:00Z."
        )
    if _DAY.fullmatch(text):
        return parsed.replace(tzinfo=UTC)
    if parsed.tzinfo is None:
        raise ValueError(f"is {shown(text)}, without a time zone; add Z for UTC, or an offset such as +02:00.")
    try:
        return parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"is {shown(text)}, which is out of range.") from error


def note(text: str) -> str:
    if len(text) > MAX_NOTE:
        raise ValueError(f"has {len(text)} characters; at most {MAX_NOTE} are kept.")
    return text


def _matching(pattern: re.Pattern[str], text: str, expected: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"is {shown(text)}; expected {expected}.")
    return text
