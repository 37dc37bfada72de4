"""Which cases meet a rule's conditions, and which rules are never reached."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Protocol

from msgspec import Struct

Patterns = tuple[str, ...]
UNKNOWN_DEVICE = "unknown_device"


class Case(Struct, frozen=True, kw_only=True):
    """What is known of a device when the rules decide. For an unknown device, everything from the inventory is empty."""

    ca_certificate_id: str
    issuer_key: str
    product: str = ""
    site: str = ""
    attributes: dict[str, str] = {}
    policy_profile: str = ""
    findings: tuple[str, ...] = ()
    device: str | None = None
    entered_by: str | None = None


class Explanation(Struct, frozen=True, kw_only=True):
    """Whether one rule matches, and if not, the first condition that is not met. `decides` marks the first match."""

    rule_id: str
    matched: bool
    decides: bool
    why_not: str | None


class Conditions(Protocol):
    """The conditions of a rule on a case; None is no condition. All conditions must be met."""

    @property
    def ca(self) -> Patterns | None: ...
    @property
    def product(self) -> Patterns | None: ...
    @property
    def site(self) -> Patterns | None: ...
    @property
    def policy_profile(self) -> Patterns | None: ...
    @property
    def attributes(self) -> dict[str, Patterns]: ...
    @property
    def findings(self) -> Patterns | None: ...


def mismatch(rule: Conditions, case: Case) -> str | None:
    """Why `rule` does not match `case`, in words; None if it does.

    Patterns are shell-style (``*``, ``?``, ``[abc]``) and case-sensitive; one of several is enough. `findings` matches if at least
    one of them was found. `ca` is compared with the CA's certificate id and with the hash of its key.
    """
    if rule.ca is not None and not (_any(rule.ca, case.ca_certificate_id) or _any(rule.ca, case.issuer_key)):
        return f"ca is {case.ca_certificate_id}, the rule asks for {_either(rule.ca)}"
    for name in ("product", "site", "policy_profile"):
        wanted, actual = getattr(rule, name), getattr(case, name)
        if wanted is not None and not _any(wanted, actual):
            return f"{name} is {actual or 'empty'}, the rule asks for {_either(wanted)}"
    for name, wanted in rule.attributes.items():
        if name not in case.attributes:
            return f"there is no attribute {name}, the rule asks for {_either(wanted)}"
        if not _any(wanted, case.attributes[name]):
            return f"attribute {name} is {case.attributes[name]}, the rule asks for {_either(wanted)}"
    if rule.findings is not None and not set(rule.findings) & set(case.findings):
        return f"found: {', '.join(case.findings) or 'nothing'}; the rule asks for {_either(rule.findings)}"
    return None


def covers(first: Conditions, later: Conditions) -> bool:
    """True only if every case that `later` matches is matched by `first`, so that `later`, which comes after it, is never reached.

    Sound but not complete: where two globs are compared, only equality and ``*`` count.
    """
    lists = ("ca", "product", "site", "policy_profile")
    if not all(_covers_patterns(getattr(first, name), getattr(later, name)) for name in lists):
        return False
    if not all(_covers_patterns(wanted, later.attributes.get(name)) for name, wanted in first.attributes.items()):
        return False
    return first.findings is None or (later.findings is not None and set(later.findings) <= set(first.findings))


def may_match_unknown_device(rule: Conditions) -> bool:
    """Whether a case with the finding ``unknown_device``, for which the inventory says nothing, can match."""
    if rule.attributes or not (rule.findings is None or UNKNOWN_DEVICE in rule.findings):
        return False
    return all(wanted is None or _any(wanted, "") for wanted in (rule.product, rule.site))


def _covers_patterns(first: Patterns | None, later: Patterns | None) -> bool:
    if first is None:
        return True
    return later is not None and all(any(_covers_pattern(a, b) for a in first) for b in later)


def _covers_pattern(first: str, later: str) -> bool:
    literal = not set(later) & set("*?[")
    return first in ("*", later) or (literal and fnmatchcase(later, first))


def _any(patterns: Iterable[str], value: str) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)


def _either(patterns: Patterns) -> str:
    return " or ".join(patterns)
