"""The step that CONTRIBUTING.md adds: its code runs as printed, its states pass the machine's own checks."""

import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from functions.shared import things
from tests.functions.admission.conftest import Case
from tests.template import test_statemachine as checks
from workflows.admission import contracts

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PYTHON = dict(re.findall(r"^```python\n# (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))


def module(monkeypatch: pytest.MonkeyPatch, file: str) -> dict[str, Any]:
    """Run a block as the module of its path."""
    name = file.removesuffix(".py").replace("/", ".")
    made = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, made)
    exec(PYTHON[file], made.__dict__)  # noqa: S102 - our own page
    return made.__dict__


def added(monkeypatch: pytest.MonkeyPatch, file: str, to: ModuleType) -> None:
    """Run a block as more of a module that exists."""
    names = dict(to.__dict__)
    exec(PYTHON[file], names)  # noqa: S102
    for name in names.keys() - to.__dict__.keys():
        monkeypatch.setattr(to, name, names[name], raising=False)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The step as far as the rule."""
    added(monkeypatch, "workflows/admission/contracts.py", contracts)
    module(monkeypatch, "workflows/admission/thing_check.py")
    return monkeypatch


def test_the_rule_passes_its_test(example: pytest.MonkeyPatch) -> None:
    test = module(example, "tests/unit/admission/test_thing_check.py")["test_a_thing_of_another_type_is_somebody_elses"]
    [mark] = test.pytestmark
    assert len(mark.args[1]) == 4
    for case in mark.args[1]:
        test(*case)


def test_the_handler_passes_its_test(example: pytest.MonkeyPatch, case: Case) -> None:
    added(example, "functions/shared/things.py", things)
    example.setitem(sys.modules, "functions.admission.check_thing", ModuleType("check_thing"))
    module(example, "functions/admission/check_thing/app.py")
    tests = module(example, "tests/functions/admission/test_check_thing.py")
    tests["test_a_thing_that_somebody_else_made_is_foreign"](case)


def test_the_states_pass_the_checks_of_the_machine() -> None:
    [block] = re.findall(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    states = json.loads(block)
    assert checks.tasks(states)
    checks.test_every_state_says_why_it_is_there(states)
    checks.test_every_task_has_an_end_to_its_patience(states)
    checks.test_every_task_retries_lambdas_transient_errors_with_full_jitter_and_a_cap(states)
    checks.test_everything_is_never_retried_nor_caught(states)
    checks.test_every_other_task_is_tried_again_after_a_timeout(states)
    checks.test_error_names_are_the_names_of_our_classes(states)
    checks.test_what_is_not_understood_is_never_let_in(states)
    checks.test_every_expression_parses(states)
    checks.test_every_answer_of_a_step_is_kept(states)
    checks.test_the_dossier_is_added_to_and_made_once(states)
    known = json.loads((ROOT / "statemachine.asl.json").read_text())["States"].keys() | states.keys()
    assert {target for state in states.values() for target in checks.follows(state)} <= known


def test_the_function_is_declared_like_the_others() -> None:
    [block] = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    [declared] = yaml_parse(block).values()
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    like = template["Resources"]["LookUpDeviceFunction"]
    assert declared["Type"] == like["Type"]
    assert declared["Properties"].keys() == like["Properties"].keys()
