"""Show text that somebody else wrote without side effects: on terminals, in mails, on paper, and in JSON.

Characters that are invisible, or that move other text, are shown as escapes: controls (C0 and C1, also U+009B, which terminals take for
ESC [), the characters that change the direction (such as U+202E), line and paragraph separators, spaces other than the usual one, and
unassigned characters. Letters of every script stay as they are. https://www.unicode.org/reports/tr36/
"""

import re
from datetime import UTC, datetime

import msgspec


def visible(text: str, *, lines: bool = False) -> str:
    """Returns `text` with invisible characters as escapes. With `lines`, line ends and tabs stay."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or (lines and letter in "\n\t") else _escaped(letter) for letter in text
    )


def json_text(value: object, *, indent: int = 2) -> str:
    """Returns `value` as JSON with invisible characters as ``\\u`` escapes (RFC 8259 section 7). Every program reads the same value."""
    text = msgspec.json.encode(value).decode()
    text = msgspec.json.format(text, indent=indent) if indent >= 0 else text
    return text if text.isascii() and "\x7f" not in text else _UNSEEN.sub(lambda found: _unit(found[0]), text)


def in_utc(moment: datetime) -> str:
    """``2026-11-23 12:00:00 UTC``, whatever the offset. The first and last day that Python has stay as they are."""
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        return moment.isoformat()
    return utc.isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")


_UNSEEN = re.compile(r"[^\x00-\x7e]")


def _unit(letter: str) -> str:
    if letter.isprintable():
        return letter
    octets = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{octets[at]:02x}{octets[at + 1]:02x}" for at in range(0, len(octets), 2))


def _escaped(letter: str) -> str:
    """As Python writes it: ``\\n``, ``\\x9b``, ``\\u202e``."""
    return ascii(letter)[1:-1]
