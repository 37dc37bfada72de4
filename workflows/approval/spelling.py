"""Characters with which one name looks like another (Unicode Technical Report 36): invisible, changing direction, or like Latin letters."""

import unicodedata


def misleading(text: str) -> tuple[str, ...]:
    """The characters of `text` that a reader may confuse or not see, each once, with its number and name."""
    return tuple(dict.fromkeys(named(c) for c in text if is_odd(c)))


def is_odd(character: str) -> bool:
    """Whether it is invisible, or a letter that is not Latin."""
    if character.isascii():
        return is_unseen(character)
    return is_unseen(character) or (character.isalpha() and not unicodedata.name(character, "").startswith("LATIN "))


def is_unseen(character: str) -> bool:
    """Controls, formatting, unassigned; white space other than the space; combining marks."""
    category = unicodedata.category(character)
    return category[0] in "CM" or (category[0] == "Z" and character != " ")


def named(character: str) -> str:
    """``U+202E RIGHT-TO-LEFT OVERRIDE``."""
    return f"U+{ord(character):04X} {unicodedata.name(character, 'unnamed')}"
