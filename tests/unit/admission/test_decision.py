"""What is done with a device, and the hash of what a person would decide on."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests import pki
from tests.unit.admission.examples import CERTIFICATE, CONFIG, facts, record, sha256
from workflows.admission import policies
from workflows.admission.contracts import DeviceDecision, DeviceRecord
from workflows.admission.decision import decide
from workflows.admission.inventory import Binding, match
from workflows.admission.trial import HELD
from workflows.approval import rules

DEVICE = policies.load("device", (CONFIG / "policies" / "device.json").read_text(encoding="utf-8"))
WILD = msgspec.structs.replace(DEVICE, name="gatehouse-wild-000000000000", wildcards=("statement 1: resource *",))
OTHER = sha256("other certificate")

RULES = """
version = "3"
[[rules]]
id = "unknown-device"
findings = ["unknown_device"]
action = "hold"
[[rules]]
id = "second"
findings = ["second_certificate"]
action = "people"
people = { security = 1 }
decide_within = "1h"
execute_within = "1h"
[[rules]]
id = "everything"
action = "auto"
"""
LAX = 'version = "1"\n[[rules]]\nid = "everything"\naction = "auto"\n'


def binding(certificate: str = OTHER) -> Binding:
    return Binding(
        lookup_key="device#pump-0042",
        bound_certificate_id=certificate,
        bound_at=pki.NOW - pki.DAY,
        execution_arn="arn:x",
    )


def decided(
    *records: DeviceRecord,
    bound: Binding | None = None,
    policy: policies.Policy | None = DEVICE,
    text: str = RULES,
    **unusual: Any,
) -> DeviceDecision:
    given = facts(**unusual)
    found = match(given, records, pki.NOW)
    return decide(given, found, bound, policy if found.record else None, rules.load(text))


def test_an_expected_device_is_admitted_by_its_rule() -> None:
    decision = decided(record())
    assert (decision.action, decision.findings, decision.matched_by) == ("auto", (), "certificate")
    assert decision.policy_name == DEVICE.name
    assert decision.ruling is not None
    assert decision.ruling.rule_id == "everything"
    assert "Rule everything (version 3) admits it." in decision.reason


def test_a_denied_device_is_refused_without_asking_the_rules() -> None:
    decision = decided(record(effect="deny"))
    assert decision.action == "refuse"
    assert decision.ruling is None
    assert decision.policy_name is None
    assert "entered by ida" in decision.reason


def test_an_unknown_device_is_held() -> None:
    decision = decided()
    assert (decision.action, decision.findings, decision.record) == ("hold", ("unknown_device",), None)


@pytest.mark.parametrize(
    "rule",
    [
        'action = "auto"',
        'action = "people"\npeople = { security = 1 }\ndecide_within = "1h"\nexecute_within = "1h"',
    ],
)
def test_no_rule_lets_in_an_unknown_device(rule: str) -> None:
    """There is nothing to admit it as, whoever agrees."""
    decision = decided(text=f'version = "1"\n[[rules]]\nid = "all"\n{rule}\n')
    assert decision.action == "hold"


def test_a_rule_may_refuse_an_unknown_device() -> None:
    assert decided(text='version = "1"\n[[rules]]\nid = "all"\naction = "refuse"\n').action == "refuse"


def test_without_a_rule_a_device_is_held() -> None:
    decision = decided(record(), text='version = "1"\nrules = []\n')
    assert decision.action == "hold"
    assert "No approval rule matches" in decision.reason


def test_a_second_certificate_is_a_finding_that_a_rule_may_ask_people_about() -> None:
    decision = decided(record(), bound=binding())
    assert (decision.action, decision.findings) == ("people", ("second_certificate",))
    assert decision.bound_certificate_id == OTHER
    assert f"bound to certificate {OTHER} since 2026-11-22" in decision.reason


def test_a_second_certificate_is_never_silent() -> None:
    """Even if the operator's rules say auto for everything: rotation or clone, a person decides."""
    decision = decided(record(), bound=binding(), text=LAX)
    assert decision.action == "hold"
    assert "never admitted without a person" in decision.reason


def test_the_same_certificate_again_is_no_finding() -> None:
    decision = decided(record(), bound=binding(CERTIFICATE), text=LAX)
    assert (decision.action, decision.findings) == ("auto", ())


def test_a_wildcard_policy_is_a_finding() -> None:
    assert decided(record(), policy=WILD).findings == ("wildcard_policy",)


def test_a_missing_profile_holds_and_is_named() -> None:
    decision = decided(record(policy_profile="devcie"), policy=None)
    assert decision.action == "hold"
    assert "no policy profile 'devcie'" in decision.reason


@pytest.mark.parametrize("name", ["pump 42", "pump.42", "pümp", "", "x" * 129, "pump\n42"])
def test_a_device_that_cannot_be_a_thing_is_held_before_aws_refuses_it(name: str) -> None:
    decision = decided(record(device=name))
    assert decision.action == "hold"
    assert "cannot become a thing's" in decision.reason


BASIS = decided(record()).basis_sha256


@pytest.mark.parametrize(
    "decision",
    [
        decided(record(), certificate_id=CERTIFICATE, public_key=sha256("other key")),
        decided(record(), subject="CN=pump-0042"),
        decided(record(site="Plant C")),
        decided(record(entered_by="mallory")),
        decided(record(policy_profile="telemetry")),
        decided(record(note="spare")),
        decided(record(), bound=binding(CERTIFICATE)),
        decided(record(), bound=binding()),
        decided(record(), policy=WILD),
        decided(record(), text=RULES.replace('"3"', '"4"')),
        decided(record(), text=RULES.replace('id = "everything"', 'id = "all"')),
        decided(record("name#pump-0042")),
        decided(record(effect="deny")),
        decided(),
    ],
)
def test_the_basis_changes_with_everything_a_person_decides_on(decision: DeviceDecision) -> None:
    assert decision.basis_sha256 != BASIS


def test_the_basis_stays_when_nothing_was_changed_that_matters() -> None:
    """The same line imported again, and a comment in the rules, must not void an approval that is being given."""
    again = record(entered_at=pki.NOW - timedelta(minutes=1))
    assert decided(again, text=f"# reviewed\n{RULES}").basis_sha256 == BASIS


def test_a_trials_device_is_held_before_any_rule_is_asked() -> None:
    decision = decided(text=LAX, trial=True)
    assert (decision.action, decision.findings, decision.ruling) == ("hold", ("unknown_device",), None)
    assert HELD in decision.reason


def test_neither_inventory_nor_rules_nor_people_can_admit_a_trials_device() -> None:
    for entered in (record(), record("name#pump-0042"), record(effect="deny")):
        for text in (LAX, RULES, LAX.replace('"auto"', '"refuse"')):
            decision = decided(entered, text=text, trial=True)
            assert (decision.action, decision.ruling, decision.policy_name) == ("hold", None, None)


def test_a_policy_is_named_only_where_it_could_be_attached() -> None:
    assert decided(record()).policy_name == DEVICE.name
    assert decided(record(effect="deny")).policy_name is None
