"""Text that somebody else wrote, shown so that it is read and not obeyed: on terminals, in mails, on paper, and in JSON.

What is not seen, or moves what is seen, is shown as its escape: controls (C0 and C1, U+009B among them, which terminals take for ESC [),
the characters that turn the direction (U+202E and the like), line and paragraph separators, spaces other than the space, what is not
assigned. Letters of every script stay as they are. https://www.unicode.org/reports/tr36/
"""

import re
from datetime import UTC, datetime

import msgspec


def visible(text: str, *, lines: bool = False) -> str:
    """`text` with nothing in it that is not seen. With `lines`, ends of lines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or (lines and letter in "\n\t") else _escaped(letter) for letter in text
    )


def json_text(value: object, *, indent: int = 2) -> str:
    """`value` as JSON, with all that is not seen as ``\\u`` escapes (RFC 8259 section 7): the same value to every program."""
    text = msgspec.json.encode(value).decode()
    text = msgspec.json.format(text, indent=indent) if indent >= 0 else text
    return text if text.isascii() and "\x7f" not in text else _UNSEEN.sub(lambda found: _unit(found[0]), text)


def in_utc(moment: datetime) -> str:
    """``2026-11-23 12:00:00 UTC``, whatever the distance; the first and last day of all times as they are."""
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
