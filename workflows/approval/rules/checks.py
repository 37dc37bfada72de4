"""Errors and warnings about a rules file that can be read: ``gatehouse rules check``."""

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct, structs

from workflows.approval.rules.language import FILE, Rule, Rules, load
from workflows.approval.rules.matching import UNKNOWN_DEVICE, covers, may_match_unknown_device
from workflows.configuration import ConfigurationInvalid


class Problem(Struct, frozen=True, kw_only=True):
    """An error must be corrected before the file is used; a warning may be intended."""

    severity: Literal["error", "warning"]
    message: str
    line: int | None = None
    rule_id: str | None = None


def check(text: str, group_sizes: Mapping[str, int] | None = None) -> list[Problem]:
    """Every problem of the rules in `text`. `group_sizes` says how many people each group has; None: not known."""
    try:
        rules = load(text)
    except ConfigurationInvalid as error:
        where = re.match(rf"{re.escape(FILE)}, line (\d+)", str(error))
        return [Problem(severity="error", message=str(error), line=int(where[1]) if where else None)]
    return [
        *_no_rules(rules),
        *_unreachable(rules),
        *_unknown_let_in(rules),
        *(_unsatisfiable(rules, group_sizes) if group_sizes is not None else ()),
    ]


def _no_rules(rules: Rules) -> Iterator[Problem]:
    if not rules.rules:
        yield Problem(severity="warning", message="There are no rules: every device is held. Add a [[rules]] table.")


def _unreachable(rules: Rules) -> Iterator[Problem]:
    for position, rule in enumerate(rules.rules):
        above = next((earlier for earlier in rules.rules[:position] if covers(earlier, rule)), None)
        if above is not None:
            yield _problem(
                "error",
                rule,
                f"is never reached: rule {above.id!r} on line {above.line} matches everything that it matches. "
                "Move it up, or narrow the other",
            )


def _unknown_let_in(rules: Rules) -> Iterator[Problem]:
    for position, rule in enumerate(rules.rules):
        if rule.action != "auto" or not may_match_unknown_device(rule):
            continue
        only_unknown = structs.replace(rule, findings=(UNKNOWN_DEVICE,))
        if not any(covers(earlier, only_unknown) for earlier in rules.rules[:position]):
            yield _problem(
                "error",
                rule,
                "would admit devices that are in no inventory, without asking anybody (they are held all the same). "
                'Put a rule with findings = ["unknown_device"] and action "hold", "people" or "refuse" above it',
            )


def _unsatisfiable(rules: Rules, sizes: Mapping[str, int]) -> Iterator[Problem]:
    for rule in rules.rules:
        for requirement in rule.requirements:
            group, count, size = requirement.group, requirement.count, sizes.get(requirement.group, 0)
            if size == 0:
                yield _problem("error", rule, f"nobody is in the group {group!r}: the rule can never be satisfied")
            elif size < count:
                yield _problem("error", rule, f"asks for {count} people of {group!r}, which has {size}")
            elif size == count:
                yield _problem(
                    "warning",
                    rule,
                    f"asks for everybody in {group!r} ({size}): if one of them is away, or entered the device, nobody can decide",
                )
        if rule.escalate_to is not None and sizes.get(rule.escalate_to, 0) == 0:
            yield _problem("error", rule, f"nobody is in the group {rule.escalate_to!r} that it escalates to")


def _problem(severity: Literal["error", "warning"], rule: Rule, message: str) -> Problem:
    where = f"{FILE}, line {rule.line}: rule {rule.id!r}: "
    return Problem(severity=severity, message=f"{where}{message}.", line=rule.line, rule_id=rule.id)
