"""What the rules say of a device."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.admission.contracts import Requirement
from workflows.approval import rules
from workflows.approval.rules.matching import covers, mismatch
from workflows.configuration import ConfigurationInvalid

SHIPPED = (Path(__file__).parents[3] / "config" / "approval.toml").read_text(encoding="utf-8")


def case(**known: Any) -> rules.Case:
    return rules.Case(**{"ca_certificate_id": "ca1", "issuer_key": "key1", **known})


def one(conditions: str, action: str = "hold") -> rules.Rules:
    return rules.load(f'version = "1"\n[[rules]]\nid = "one"\naction = "{action}"\n{conditions}\n')


PEOPLE = 'people = { quality = 1 }\ndecide_within = "4h"\nexecute_within = "1d"\n'


def test_the_first_match_decides() -> None:
    read = rules.load(
        'version = "1"\n[[rules]]\nid = "a"\nproduct = "pump"\naction = "refuse"\n'
        '[[rules]]\nid = "b"\nproduct = "p*"\naction = "hold"\n[[rules]]\nid = "c"\naction = "auto"\n'
    )
    assert [read.rule(case(product=product)).rule_id for product in ("pump", "press", "lamp")] == ["a", "b", "c"]


def test_nothing_matches_is_hold() -> None:
    read = one('product = "pump"', "auto")
    ruling = read.rule(case(product="lamp"))
    assert (ruling.action, ruling.rule_id, ruling.rule_version) == ("hold", "none", "1")
    assert ruling.rules_sha256 == read.sha256


@pytest.mark.parametrize(
    ("condition", "known"),
    [
        ('ca = "ca1"', {}),
        ('ca = "key1"', {}),
        ('product = ["lamp", "pump-*"]', {"product": "pump-2"}),
        ('site = "Plant [AB]"', {"site": "Plant B"}),
        ('policy_profile = "dev?ce"', {"policy_profile": "device"}),
        (
            'attributes = { class = "life-*", line = ["a", "b"] }',
            {"attributes": {"class": "life-supporting", "line": "b"}},
        ),
        ('findings = ["wildcard_policy", "second_certificate"]', {"findings": ("second_certificate",)}),
    ],
)
def test_a_condition_that_is_met(condition: str, known: dict[str, Any]) -> None:
    assert one(condition).rule(case(**known)).rule_id == "one"


@pytest.mark.parametrize(
    ("condition", "known", "why_not"),
    [
        ('ca = "ca2"', {}, "ca is ca1"),
        ('product = "pump"', {"product": "Pump"}, "product is Pump, the rule asks for pump"),
        ('product = "pump"', {}, "product is empty"),
        ('site = "Plant A"', {"site": "Plant B"}, "site is Plant B"),
        ('policy_profile = "x"', {"policy_profile": "y"}, "policy_profile is y"),
        ('attributes = { class = "a" }', {}, "there is no attribute class"),
        (
            'attributes = { class = "a", line = "b" }',
            {"attributes": {"class": "a", "line": "c"}},
            "attribute line is c",
        ),
        ('findings = "second_certificate"', {"findings": ("wildcard_policy",)}, "found: wildcard_policy"),
    ],
)
def test_a_condition_that_is_not_met_says_why(condition: str, known: dict[str, Any], why_not: str) -> None:
    (told,) = one(condition).explain(case(**known))
    assert not told.matched
    assert why_not in (told.why_not or "")


def test_all_conditions_have_to_be_met() -> None:
    read = one('product = "pump"\nsite = "Plant B"')
    assert read.rule(case(product="pump", site="Plant B")).rule_id == "one"
    assert read.rule(case(product="pump", site="Plant C")).rule_id == "none"
    assert read.rule(case(product="lamp", site="Plant B")).rule_id == "none"


def test_explain_tells_of_every_rule_and_which_decides() -> None:
    told = rules.load(SHIPPED).explain(case(product="infusion-pump"))
    assert [(t.rule_id, t.matched, t.decides) for t in told] == [
        ("unknown-device", False, False),
        ("second-certificate", False, False),
        ("name-without-issuer", False, False),
        ("wildcard-policy", False, False),
        ("high-impact-product", True, True),
        ("expected-device", True, False),
    ]


def test_a_ruling_carries_everything_the_rule_says() -> None:
    text = (
        'version = "9"\n[[rules]]\nid = "all"\naction = "people"\npeople = { quality = 1, security = 2 }\n'
        'decide_within = "90s"\nexecute_within = "2d"\nreason_required = true\nfresh_sign_in = true\n'
        'remind_after = "30s"\nescalate_after = "1m"\nescalate_to = "managers"\n'
    )
    ruling = rules.load(text).rule(case())
    assert ruling.requirements == (Requirement(group="quality", count=1), Requirement(group="security", count=2))
    assert (ruling.decide_within, ruling.execute_within) == (90, 172_800)
    assert (ruling.remind_after, ruling.escalate_after, ruling.escalate_to) == (30, 60, "managers")
    assert ruling.reason_required
    assert ruling.fresh_sign_in
    assert (ruling.rule_version, ruling.rules_sha256) == ("9", hashlib.sha256(text.encode()).hexdigest())
    assert rules.load(text).approver_groups() == {"quality", "security", "managers"}


@pytest.mark.parametrize(
    ("known", "action", "rule_id"),
    [
        ({"findings": ("unknown_device",)}, "hold", "unknown-device"),
        ({"product": "infusion-pump", "findings": ("second_certificate",)}, "people", "second-certificate"),
        ({"findings": ("wildcard_policy",)}, "people", "wildcard-policy"),
        ({"product": "infusion-pump"}, "people", "high-impact-product"),
        ({"product": "thermometer"}, "auto", "expected-device"),
    ],
)
def test_the_rules_we_ship(known: dict[str, Any], action: str, rule_id: str) -> None:
    ruling = rules.load(SHIPPED).rule(case(**known))
    assert (ruling.action, ruling.rule_id) == (action, rule_id)


def test_an_unknown_device_is_never_let_in_by_a_rule_alone() -> None:
    ruling = one("", "auto").rule(case(findings=("unknown_device",)))
    assert (ruling.action, ruling.rule_id) == ("hold", "one")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SHIPPED.replace("execute_within =", "execute_wthin =", 1), "Did you mean `execute_within`?"),
        (SHIPPED.replace('"4h"', '"4 hours"'), "'4 hours' is not a duration"),
        (SHIPPED.replace('"4h"', '"0h"'), "'0h' is not a duration"),
        (SHIPPED.replace('"4h"', '"361d"'), 'at most "360d"'),
        (SHIPPED.replace("{ security = 1 }", "{ security = 0 }"), "0 people of 'security'"),
        (SHIPPED.replace("{ security = 1 }", "{ }"), "nobody is asked"),
        (SHIPPED.replace('"expected-device"', '"unknown-device"'), "two rules are called 'unknown-device'"),
        (SHIPPED.replace('findings = "wildcard_policy"', 'findings = "wild"'), "`rules[3].findings`"),
        (SHIPPED.replace('findings = "wildcard_policy"', "findings = []"), "`rules[3].findings`"),
        (SHIPPED + "people = { quality = 1 }\n", 'only a rule with action = "people" asks people'),
        (SHIPPED.replace('decide_within = "4h"\n', ""), "`decide_within`: is missing"),
        (
            f'version="1"\n[[rules]]\nid="a"\naction="people"\n{PEOPLE}escalate_to = "x"\n',
            "are only valid together",
        ),
        (
            f'version="1"\n[[rules]]\nid="a"\naction="people"\n{PEOPLE}remind_after = "4h"\n',
            "is not before decide_within",
        ),
        ('[[rules]]\nid = "a"\naction = "hold"\n', "version"),
        ("version = 1\n", "`version`"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        rules.load(text)
    assert told in str(caught.value)
    assert "config/approval.toml" in str(caught.value)


def test_an_error_names_the_line_of_its_own_rule() -> None:
    text = SHIPPED.replace('decide_within = "4h"', 'decide_within = "soon"')
    line = next(number for number, written in enumerate(text.splitlines(), 1) if '"soon"' in written)
    with pytest.raises(ConfigurationInvalid, match=rf"line {line}: rule 'high-impact-product': `decide_within`"):
        rules.load(text)


def test_what_a_rule_leaves_out_is_reported_where_the_rule_begins() -> None:
    text = 'version = "1"\n[[rules]]\nid = "a"\naction = "hold"\n[[rules]]\naction = "people"\nid = "b"\n'
    with pytest.raises(ConfigurationInvalid, match=r"line 7: rule 'b': `people`"):
        rules.load(text)


@pytest.mark.parametrize(
    ("fresh", "group", "wanted"),
    [
        ("true", "quality", True),
        ("true", "managers", True),
        ("true", "security", False),
        ("false", "quality", False),
        ("false", "managers", False),
    ],
)
def test_a_fresh_sign_in_is_wanted_of_those_whom_such_a_rule_asks(fresh: str, group: str, wanted: bool) -> None:
    read = one(PEOPLE + f'fresh_sign_in = {fresh}\nescalate_after = "1h"\nescalate_to = "managers"\n', "people")
    assert read.wants_fresh_sign_in(group) == wanted


words = st.sampled_from(["a", "b", "ab", "", "c"])
some = st.lists(st.sampled_from(["a", "b", "a*", "*", "?", "ab"]), min_size=1, max_size=2).map(tuple)
patterns = st.none() | some
FINDINGS = ("unknown_device", "second_certificate", "wildcard_policy")
some_found = st.lists(st.sampled_from(FINDINGS), min_size=1, max_size=2).map(tuple)
found = st.lists(st.sampled_from(FINDINGS), max_size=2).map(tuple)


@st.composite
def a_rule(draw: st.DrawFn) -> rules.Rule:
    named = draw(st.dictionaries(st.sampled_from("xy"), some, max_size=2))
    return rules.Rule(
        id="r", line=1, action="auto", ca=draw(patterns), product=draw(patterns), site=draw(patterns),
        policy_profile=draw(patterns), attributes=named, findings=draw(st.none() | some_found), requirements=(),
        decide_within=None, execute_within=None, reason_required=False, fresh_sign_in=False, remind_after=None,
        escalate_after=None, escalate_to=None,
    )  # fmt: skip


@st.composite
def a_case(draw: st.DrawFn) -> rules.Case:
    return rules.Case(
        ca_certificate_id=draw(words), issuer_key=draw(words), product=draw(words), site=draw(words),
        attributes=draw(st.dictionaries(st.sampled_from("xy"), words, max_size=2)), policy_profile=draw(words),
        findings=draw(found),
    )  # fmt: skip


@given(first=a_rule(), later=a_rule(), known=a_case())
def test_a_covered_rule_is_really_never_reached(first: rules.Rule, later: rules.Rule, known: rules.Case) -> None:
    if covers(first, later) and mismatch(later, known) is None:
        assert mismatch(first, known) is None
