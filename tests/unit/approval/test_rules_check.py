"""What ``gatehouse rules check`` finds in a file that can be read."""

import pytest

from tests.unit.approval.test_rules import PEOPLE, SHIPPED
from workflows.approval import rules

HOLD_UNKNOWN = '[[rules]]\nid = "unknown"\nfindings = "unknown_device"\naction = "hold"\n'


def written(*tables: str) -> str:
    return 'version = "1"\n' + "".join(tables)


def table(name: str, conditions: str = "", action: str = "hold") -> str:
    return f'[[rules]]\nid = "{name}"\naction = "{action}"\n{conditions}\n'


def found(text: str, **sizes: int) -> list[tuple[str, str | None, str]]:
    return [(p.severity, p.rule_id, p.message) for p in rules.check(text, sizes or None)]


def test_the_rules_we_ship_are_sound() -> None:
    assert rules.check(SHIPPED) == []
    assert rules.check(SHIPPED, {"quality": 2, "security": 2}) == []


def test_a_file_that_cannot_be_read_is_one_problem_with_its_line() -> None:
    text = SHIPPED.replace("reason_required =", "reason_requird =", 1)
    (problem,) = rules.check(text)
    assert problem.severity == "error"
    assert problem.line == text[: text.index("reason_requird =")].count("\n") + 1
    assert "Did you mean `reason_required`?" in problem.message


def test_no_rules_at_all() -> None:
    assert [(severity, rule) for severity, rule, _ in found('version = "1"\n')] == [("warning", None)]


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("", 'product = "pump"'),
        ('product = "pump"', 'product = "pump"\nsite = "A"'),
        ('product = "p*"', 'product = ["pump", "press"]'),
        ('product = ["a", "b"]', 'product = "b"'),
        ('findings = ["unknown_device", "second_certificate"]', 'findings = "second_certificate"'),
        ('attributes = { class = "*" }', 'attributes = { class = "a*", line = "b" }'),
    ],
)
def test_an_unreachable_rule(above: str, below: str) -> None:
    problems = found(written(table("above", above), table("below", below)))
    assert [(severity, rule) for severity, rule, _ in problems] == [("error", "below")]
    assert "never reached: rule 'above' on line 2" in problems[0][2]


def test_a_problem_has_the_line_of_its_rule() -> None:
    text = written(table("first"), table("second"))
    (problem,) = rules.check(text)
    assert problem.line == text[: text.rindex("[[rules]]")].count("\n") + 1
    assert f"line {problem.line}: rule 'second'" in problem.message


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ('product = "pump"', ""),
        ('product = "pump"', 'product = "p*"'),
        ('product = "pump"\nsite = "A"', 'product = "pump"'),
        ('findings = "second_certificate"', 'findings = ["second_certificate", "wildcard_policy"]'),
        ('attributes = { class = "a" }', 'product = "pump"'),
        ('product = "[ab]*"', 'product = "[a]*"'),
    ],
)
def test_a_reachable_rule(above: str, below: str) -> None:
    assert found(written(table("above", above), table("below", below))) == []


@pytest.mark.parametrize(
    "conditions", ["", 'ca = "ca1"', 'findings = ["unknown_device", "wildcard_policy"]', 'product = "*"']
)
def test_a_rule_that_lets_unknown_devices_in(conditions: str) -> None:
    problems = found(written(table("open", conditions, "auto")))
    assert [(severity, rule) for severity, rule, _ in problems] == [("error", "open")]
    assert "in no inventory" in problems[0][2]


@pytest.mark.parametrize(
    "conditions", ['product = "pump"', 'attributes = { class = "a" }', 'findings = "wildcard_policy"']
)
def test_a_rule_that_no_unknown_device_can_meet(conditions: str) -> None:
    assert found(written(table("narrow", conditions, "auto"))) == []


def test_unknown_devices_stopped_above() -> None:
    assert found(written(HOLD_UNKNOWN, table("rest", "", "auto"))) == []
    only_some = HOLD_UNKNOWN.replace('action = "hold"', 'action = "hold"\nca = "ca1"')
    assert [rule for _, rule, _ in found(written(only_some, table("rest", "", "auto")))] == ["rest"]


@pytest.mark.parametrize(
    ("sizes", "severity", "told"),
    [
        ({"security": 5}, "error", "nobody is in the group 'quality'"),
        ({"quality": 0}, "error", "nobody is in the group 'quality'"),
        ({"quality": 2}, "error", "asks for 3 people of 'quality', which has 2"),
        ({"quality": 3}, "warning", "asks for everybody in 'quality' (3)"),
    ],
)
def test_groups_that_are_too_small(sizes: dict[str, int], severity: str, told: str) -> None:
    problems = found(written(table("many", PEOPLE.replace("quality = 1", "quality = 3"), "people")), **sizes)
    assert [(s, rule) for s, rule, _ in problems] == [(severity, "many")]
    assert told in problems[0][2]


def test_a_group_that_is_large_enough() -> None:
    assert found(written(table("many", PEOPLE, "people")), quality=2) == []


def test_escalation_to_nobody() -> None:
    text = written(table("up", PEOPLE + 'escalate_after = "1h"\nescalate_to = "managers"', "people"))
    (problem,) = found(text, quality=2)
    assert problem[:2] == ("error", "up")
    assert "nobody is in the group 'managers'" in problem[2]
    assert found(text, quality=2, managers=1) == []
