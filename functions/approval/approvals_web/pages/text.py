"""Text that somebody else wrote, shown so that it cannot pass for what it is not.

Everything is escaped and kept apart from the direction of its surroundings. Characters that are not seen, or that turn the direction,
are named in their place; letters of other scripts, which may look like Latin ones, are marked.
"""

from markupsafe import Markup, escape

from workflows.text import is_odd, is_unseen, named


def visible(text: object) -> Markup:
    """`text` as HTML."""
    return Markup("<bdi>{}</bdi>").format(Markup("").join(_shown(c) for c in str(text)))


def _shown(character: str) -> Markup:
    if not is_odd(character):
        return escape(character)
    seen = f"U+{ord(character):04X}" if is_unseen(character) else character
    return Markup('<mark title="{}">{}</mark>').format(named(character), seen)
