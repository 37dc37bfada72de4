"""Shows text that others wrote, so that it cannot mislead the reader.

All text is escaped, and its writing direction does not affect the text around it. An invisible character, or one that changes the
direction, is replaced by its code point. Letters of other scripts, which may look like Latin letters, are marked.
"""

from markupsafe import Markup, escape

from workflows.text import is_odd, is_unseen, named


def visible(text: object) -> Markup:
    """Returns `text` as HTML."""
    return Markup("<bdi>{}</bdi>").format(Markup("").join(_shown(c) for c in str(text)))


def _shown(character: str) -> Markup:
    if not is_odd(character):
        return escape(character)
    seen = f"U+{ord(character):04X}" if is_unseen(character) else character
    return Markup('<mark title="{}">{}</mark>').format(named(character), seen)
