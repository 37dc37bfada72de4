"""What ``config/approval.toml`` may contain, read strictly, and its ruling on a case.

The keys are explained where an operator reads them: in the file itself.
"""

import hashlib
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from workflows import configuration
from workflows.admission.contracts import Finding, Requirement, Ruling
from workflows.approval.rules.matching import UNKNOWN_DEVICE, Case, Explanation, Patterns, mismatch
from workflows.configuration import ConfigurationInvalid

FILE = "config/approval.toml"
NO_RULE = "none"
"""The rule id of a ruling if no rule matches."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = 360 * 86400
"""A Standard execution runs for at most a year (Step Functions quotas); some time must be left for the following states."""

MOST_PEOPLE = 20
"""At most this many people of one group: enough for every use, and few enough to calculate who fills which place."""

Name = Annotated[str, Meta(min_length=1, max_length=128)]
OneOrMore = Name | Annotated[tuple[Name, ...], Meta(min_length=1)]


class _WrittenRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ``[[rules]]`` table as written."""

    id: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
    action: Literal["auto", "people", "hold", "refuse"]
    ca: OneOrMore | None = None
    product: OneOrMore | None = None
    site: OneOrMore | None = None
    policy_profile: OneOrMore | None = None
    attributes: dict[str, OneOrMore] = {}
    findings: Finding | Annotated[tuple[Finding, ...], Meta(min_length=1)] | None = None
    people: dict[Name, int] | None = None
    decide_within: str | None = None
    execute_within: str | None = None
    reason_required: bool = False
    fresh_sign_in: bool = False
    remind_after: str | None = None
    escalate_after: str | None = None
    escalate_to: Name | None = None


class _WrittenRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file as written."""

    version: Annotated[str, Meta(min_length=1, max_length=64)]
    readers: tuple[Name, ...] = ()
    longest_delegation: str | None = None
    rules: tuple[_WrittenRule, ...] = ()


class Rule(Struct, frozen=True, kw_only=True):
    """One rule after reading: patterns as tuples, durations in seconds. `line` is where it begins in the file."""

    id: str
    line: int
    action: Literal["auto", "people", "hold", "refuse"]
    ca: Patterns | None
    product: Patterns | None
    site: Patterns | None
    policy_profile: Patterns | None
    attributes: dict[str, Patterns]
    findings: Patterns | None
    requirements: tuple[Requirement, ...]
    decide_within: int | None
    execute_within: int | None
    reason_required: bool
    fresh_sign_in: bool
    remind_after: int | None
    escalate_after: int | None
    escalate_to: str | None


class Rules(Struct, frozen=True, kw_only=True):
    """The rules in their order. `sha256` is of the text they were read from; `readers` are groups that may read and not decide.

    `longest_delegation` is in seconds; None: nobody may delegate their vote.
    """

    version: str
    sha256: str
    readers: tuple[str, ...]
    longest_delegation: int | None = None
    rules: tuple[Rule, ...]

    def rule(self, case: Case) -> Ruling:
        """The ruling of the first matching rule; hold, by the rule ``none``, if no rule matches.

        No rule alone admits a device that is in no inventory, whatever the file says: auto becomes hold.
        """
        found = next((rule for rule in self.rules if mismatch(rule, case) is None), None)
        if found is None:
            return Ruling(action="hold", rule_id=NO_RULE, rule_version=self.version, rules_sha256=self.sha256)
        unknown = UNKNOWN_DEVICE in case.findings
        return Ruling(
            action="hold" if unknown and found.action == "auto" else found.action,
            rule_id=found.id,
            rule_version=self.version,
            rules_sha256=self.sha256,
            requirements=found.requirements,
            decide_within=found.decide_within or 0,
            execute_within=found.execute_within or 0,
            reason_required=found.reason_required,
            fresh_sign_in=found.fresh_sign_in,
            remind_after=found.remind_after,
            escalate_after=found.escalate_after,
            escalate_to=found.escalate_to,
        )

    def explain(self, case: Case) -> list[Explanation]:
        """Every rule in order: whether it matches `case`, whether it decides, and if it does not match, why."""
        explanations: list[Explanation] = []
        decided = False
        for rule in self.rules:
            why_not = mismatch(rule, case)
            decides = why_not is None and not decided
            decided = decided or decides
            explanations.append(Explanation(rule_id=rule.id, matched=why_not is None, decides=decides, why_not=why_not))
        return explanations

    def approver_groups(self) -> frozenset[str]:
        """The groups whose members some rule asks, escalation included."""
        asked = {requirement.group for rule in self.rules for requirement in rule.requirements}
        return frozenset(asked | {rule.escalate_to for rule in self.rules if rule.escalate_to is not None})

    def wants_fresh_sign_in(self, group: str) -> bool:
        """Whether a rule requires a fresh sign-in of people of `group`."""
        return any(
            rule.fresh_sign_in and (rule.escalate_to == group or any(part.group == group for part in rule.requirements))
            for rule in self.rules
        )


def load(text: str) -> Rules:
    """Read the text of ``config/approval.toml``. Raises `ConfigurationInvalid`, which names the line and the expected value."""
    written = configuration.load(text, _WrittenRules, file=FILE)
    lines = _rule_lines(text)
    read: list[Rule] = []
    for number, rule in enumerate(written.rules):
        if rule.id in {earlier.id for earlier in read}:
            raise ConfigurationInvalid(f"{FILE}, line {lines[number]}: two rules are called {rule.id!r}. Rename one.")
        read.append(_Reader(text, number).read(rule, lines[number]))
    return Rules(
        version=written.version,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        readers=written.readers,
        longest_delegation=_longest_delegation(text, written.longest_delegation),
        rules=tuple(read),
    )


def _longest_delegation(text: str, written: str | None) -> int | None:
    if written is None:
        return None
    seconds = _duration(written)
    if seconds is None:
        line = configuration.line_of(text, "longest_delegation")
        raise ConfigurationInvalid(
            f"{FILE}, line {line}: `longest_delegation`: {written!r} is not a duration. {_A_DURATION}."
        )
    return seconds


def _rule_lines(text: str) -> list[int]:
    header = re.compile(r"\s*\[\[\s*rules\s*\]\]")
    return [number for number, line in enumerate(text.splitlines(), start=1) if header.match(line)]


class _Reader:
    """Turns one written rule into a `Rule`, and names the lines of its errors."""

    def __init__(self, text: str, number: int) -> None:
        self.text = text
        self.number = number

    def read(self, rule: _WrittenRule, line: int) -> Rule:
        self._check_shape(rule)
        times = {name: self._seconds(rule, name) for name in _DURATIONS}
        decide = times["decide_within"]
        for name in ("remind_after", "escalate_after"):
            within = times[name]
            if within is not None and decide is not None and within >= decide:
                raise self._error(
                    rule, name, f"{getattr(rule, name)} is not before decide_within, {rule.decide_within}"
                )
        return Rule(
            id=rule.id,
            line=line,
            action=rule.action,
            ca=_patterns(rule.ca),
            product=_patterns(rule.product),
            site=_patterns(rule.site),
            policy_profile=_patterns(rule.policy_profile),
            attributes={name: _patterns(wanted) or () for name, wanted in rule.attributes.items()},
            findings=_patterns(rule.findings),
            requirements=tuple(Requirement(group=group, count=count) for group, count in (rule.people or {}).items()),
            reason_required=rule.reason_required,
            fresh_sign_in=rule.fresh_sign_in,
            escalate_to=rule.escalate_to,
            **times,
        )

    def _check_shape(self, rule: _WrittenRule) -> None:
        """A rule has all fields for asking people, or none."""
        plain = msgspec.structs.asdict(rule)
        if rule.action != "people":
            for name in _FOR_PEOPLE:
                if plain[name] not in (None, False):
                    raise self._error(
                        rule, name, f'only a rule with action = "people" asks people; this one says "{rule.action}"'
                    )
            return
        if not rule.people:
            raise self._error(rule, "people", "nobody is asked. Say who, e.g. people = { quality = 1, security = 1 }")
        for group, count in rule.people.items():
            if not 1 <= count <= MOST_PEOPLE:
                raise self._error(rule, "people", f"{count} people of {group!r}. Expected 1 to {MOST_PEOPLE}")
        for name in ("decide_within", "execute_within"):
            if plain[name] is None:
                raise self._error(rule, name, 'is missing. Say how long, e.g. "4h"')
        if (rule.escalate_after is None) != (rule.escalate_to is None):
            raise self._error(rule, "escalate_after", "escalate_after and escalate_to are only valid together")

    def _seconds(self, rule: _WrittenRule, name: str) -> int | None:
        written = getattr(rule, name)
        if written is None:
            return None
        seconds = _duration(written)
        if seconds is None:
            raise self._error(rule, name, f"{written!r} is not a duration. {_A_DURATION}")
        return seconds

    def _error(self, rule: _WrittenRule, key: str, problem: str) -> ConfigurationInvalid:
        line = configuration.line_of(self.text, key, "rules", self.number)
        line = line or configuration.line_of(self.text, "id", "rules", self.number)
        return ConfigurationInvalid(f"{FILE}, line {line}: rule {rule.id!r}: `{key}`: {problem}.")


_DURATIONS = ("decide_within", "execute_within", "remind_after", "escalate_after")
_FOR_PEOPLE = ("people", *_DURATIONS, "reason_required", "fresh_sign_in", "escalate_to")


_A_DURATION = 'Expected a whole number and s, m, h or d, e.g. "30m", "4h" or "2d", at most "360d"'


def _duration(written: str) -> int | None:
    """In seconds; None if it is not a duration, or is longer than `LONGEST`."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", written)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    return seconds if 0 < seconds <= LONGEST else None


def _patterns(written: Any) -> Patterns | None:
    if written is None:
        return None
    return (written,) if isinstance(written, str) else tuple(written)
