"""Whether two written names belong to the same person. No other module compares identities.

Compared in normal form: what a person may have typed, or the name of an AWS principal (addresses, user names, printed names).
Compared exactly: a token's subject, which OpenID Connect Core 1.0 section 2 makes case-sensitive and unique at its issuer, and the
names of groups, which the provider's administrator and `config/approval.toml` write in the same way. A group gives rights, so a
similar name is another group.

No comparison can match two names of one person that have nothing in common, such as the session ``deploy-7`` and Ada Lovelace.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise

_UNSEEN = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)
"""Unicode's Default_Ignorable_Code_Points that are not in category C (DerivedCoreProperties.txt)."""

_BETWEEN_NAMES = re.compile(r"""[<>()\[\]{},;|"\u2018-\u201f\u2039\u203a\u00ab\u00bb\n\r]+""")
"""The characters between two names of one person, as in ``Ada Lovelace <ada@example.com>`` or ``"Lovelace, Ada" (arn:aws:…)``."""


_LAST_BRACKET = re.compile(r"\s*[<(]([^<>()]*)[>)]\s*\Z")
_MAILTO = re.compile(r"^mailto:\s*", re.IGNORECASE)


def normal(name: str) -> str:
    """The one form in which names are compared: compatibility caseless (Unicode 16.0, D146), in NFKC, each run of spaces as one space.

    Invisible characters are left out. The normal form of a normal form is the same.
    """
    seen = "".join(c for c in name if c.isspace() or not (unicodedata.category(c)[0] == "C" or c in _UNSEEN))
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFD", seen).casefold()).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def same(one: str, other: str) -> bool:
    """Whether two written names are the same. A name without a visible character is the same as no other."""
    return normal(one) == normal(other) != ""


def is_among(name: str, names: Iterable[str]) -> bool:
    """Whether `name` is one of `names`."""
    return any(same(name, one) for one in names)


def entered_as(*written: str | None) -> tuple[str, ...]:
    """Every name in the text that says who entered a device.

    The whole text, also without the brackets at its end; each part between brackets, quotes and commas; the parts before and after a
    comma in the other order; an address without ``mailto:``; and the last part of an ARN, which names a user or a role's session. Too
    many names do no harm: they can only exclude somebody.
    """
    found: dict[str, None] = {}
    for one in filter(None, written):
        parts = [part.strip() for part in _BETWEEN_NAMES.split(one)]
        turned = [f"{second} {first}" for first, second in pairwise(parts)]
        for part in (*_without_brackets(one), *parts, *turned):
            name = _MAILTO.sub("", part.strip())
            found |= dict.fromkeys((name, name.rpartition("/")[2]))
    return tuple(name for name in found if normal(name))


def _without_brackets(written: str) -> list[str]:
    """The text; and for each bracket at its end, the text without it and the text in it."""
    found, left = [written], written
    while last := _LAST_BRACKET.search(left):
        left = left[: last.start()]
        found += [left, last[1]]
    return found


def entered_by(principal: str, named: str | None) -> str:
    """What the inventory says about who entered a line: the AWS principal, and the person that it named."""
    return f"{named} ({principal})" if named and named.strip() else principal


def may_be(names: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a person of `names` may be the one of `others`, names of another system. It only excludes somebody, and gives no right.

    Beside equal names, the part of an address before the @ counts as a name: AWS knows ``ada``, the provider ``ada@example.com``. Two
    addresses are the same only as a whole. Names of two words or more are the same in any order and with any marks between the words:
    ``Lovelace, Ada``, ``ada.lovelace``.
    """
    these, those = {normal(name) for name in names} - {""}, {normal(name) for name in others} - {""}
    if these & (those | _local(those)) or _local(these) & those:
        return True
    return bool(_words(these) & _words(those | _local(those)) or _words(_local(these)) & _words(those))


def _local(names: Iterable[str]) -> set[str]:
    return {before for before, at, after in (name.rpartition("@") for name in names) if at and before and after}


def _words(names: Iterable[str]) -> set[frozenset[str]]:
    """The words of each name that has several, addresses left out."""
    several = (frozenset(re.findall(r"[^\W_]+", name)) for name in names if "@" not in name)
    return {words for words in several if len(words) > 1}
