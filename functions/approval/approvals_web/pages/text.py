"""Text that somebody else wrote, shown so that it cannot pass for what it is not (Unicode Technical Report 36).

Everything is escaped and kept apart from the direction of its surroundings. Characters that are not seen, or that turn the direction,
are named in their place; letters of other scripts, which may look like Latin ones, are marked.
"""

import unicodedata

from markupsafe import Markup, escape


def visible(text: object) -> Markup:
    """`text` as HTML."""
    return Markup("<bdi>{}</bdi>").format(Markup("").join(_shown(c) for c in str(text)))


def misleading(text: str) -> tuple[str, ...]:
    """The characters of `text` that a reader may take for others or not see, each by its name, once."""
    return tuple(dict.fromkeys(f"U+{ord(c):04X} {unicodedata.name(c, 'unnamed')}" for c in text if _odd(c)))


def _shown(character: str) -> Markup:
    if not _odd(character):
        return escape(character)
    name = f"U+{ord(character):04X} {unicodedata.name(character, 'unnamed')}"
    seen = f"U+{ord(character):04X}" if _unseen(character) else character
    return Markup('<mark title="{}">{}</mark>').format(name, seen)


def _odd(character: str) -> bool:
    if character.isascii():
        return _unseen(character)
    return _unseen(character) or (character.isalpha() and not unicodedata.name(character, "").startswith("LATIN "))


def _unseen(character: str) -> bool:
    """Controls, formatting, unassigned; white space other than the space; marks that lie on their neighbour."""
    category = unicodedata.category(character)
    return category[0] in "CM" or (category[0] == "Z" and character != " ")
