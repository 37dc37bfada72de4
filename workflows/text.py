"""Text that somebody else wrote, shown so that people read it and no program obeys it. Three verbs, by where the text goes:

- `visible`: on a terminal, on paper, in a log, in the body of a message. Letters of every script stay; what cannot be seen is escaped.
- `harmless`: in a mail, where a subject must not look like a link or like markup. Only Latin letters and a little punctuation stay.
- `shortened`: whatever has a bound.

`json_text` is `visible` for JSON. `misleading` names the characters by which a name can pass for another one.
Source: Unicode Technical Report 36, https://www.unicode.org/reports/tr36/
"""

import re
import unicodedata

import msgspec

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_PUNCTUATION = frozenset(" -_:+#().")
_UNSEEN = re.compile(r"[^\x00-\x7e]")


def shortened(text: str, limit: int) -> str:
    """`text`, or its beginning and an ellipsis: at most `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


def visible(text: str, limit: int | None = None, *, lines: bool = False) -> str:
    """`text`, in which each character that cannot be seen is its escape. With `lines`, ends of lines and tabs stay.

    Escaped are controls (C0 and C1, such as U+009B, which terminals take for ESC [), characters that turn the direction, line and paragraph
    separators, spaces other than the space, and what is not assigned. `limit` is that of the characters before they are escaped.
    """
    text = text if limit is None else shortened(text, limit)
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or (lines and letter in "\n\t") else _escaped(letter) for letter in text
    )


def harmless(text: str, limit: int = 64) -> str:
    """`text` with Latin letters, digits and a little punctuation, on one line, at most `limit` characters.

    Everything else becomes a question mark: markup, line ends, right-to-left overrides, letters of other scripts that look Latin,
    and a dot inside a word, without which no mail program makes a link.
    """
    kept = "".join(c if _is_harmless(c) else "?" for c in unicodedata.normalize("NFC", shortened(text, limit)))
    return re.sub(r"\.(?! |$)", "?", kept)


def json_text(value: object, *, indent: int = 2) -> str:
    """`value` as JSON, with all that cannot be seen as ``\\u`` escapes (RFC 8259 section 7): the same value to every program."""
    text = msgspec.json.encode(value).decode()
    text = msgspec.json.format(text, indent=indent) if indent >= 0 else text
    return text if text.isascii() and "\x7f" not in text else _UNSEEN.sub(lambda found: _unit(found[0]), text)


def misleading(text: str) -> tuple[str, ...]:
    """The characters of `text` that a reader may take for others or not see, each by its number and name, once."""
    return tuple(dict.fromkeys(named(c) for c in text if is_odd(c)))


def is_odd(character: str) -> bool:
    """Whether it cannot be seen, or is a letter that is not a Latin one."""
    if character.isascii():
        return is_unseen(character)
    return is_unseen(character) or (character.isalpha() and not _is_latin(character))


def is_unseen(character: str) -> bool:
    """Controls, formatting, unassigned; white space other than the space; marks that lie on their neighbour."""
    category = unicodedata.category(character)
    return category[0] in "CM" or (category[0] == "Z" and character != " ")


def named(character: str) -> str:
    """``U+202E RIGHT-TO-LEFT OVERRIDE``."""
    return f"U+{ord(character):04X} {unicodedata.name(character, 'unnamed')}"


def _is_harmless(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in _PUNCTUATION
    return character == ELLIPSIS or (character.isalpha() and _is_latin(character))


def _is_latin(character: str) -> bool:
    return unicodedata.name(character, "").startswith("LATIN ")


def _unit(letter: str) -> str:
    if letter.isprintable():
        return letter
    octets = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{octets[at]:02x}{octets[at + 1]:02x}" for at in range(0, len(octets), 2))


def _escaped(letter: str) -> str:
    """As Python writes it: ``\\n``, ``\\x9b``, ``\\u202e``."""
    return ascii(letter)[1:-1]
