"""The template is read from its top: a device knocks, is admitted, people approve, and so on to the alarms."""

import re
from typing import Any

from tests.deployed import ROOT
from tests.template.resources import Resources

States = dict[str, dict[str, Any]]


def test_the_steps_are_in_the_order_in_which_the_machine_names_them(resources: Resources, states: States) -> None:
    named = [state["Arguments"]["FunctionName"].strip("${}") for state in states.values() if state["Type"] == "Task"]
    steps = [f"{name}Function" for name in dict.fromkeys(named)]
    assert len(steps) > 10
    assert [name for name in resources if name in steps] == steps


def test_the_sections_tell_the_story(resources: Resources) -> None:
    """Each section by one resource of it, and every alarm in the last."""
    text = (ROOT / "template.yaml").read_text()
    sections = [
        re.findall(r"^  (\w+):$", section, re.MULTILINE)
        for section in re.split(r"^  # --- .*$", text, flags=re.MULTILINE)[1:]
    ]
    story = ["RegistrationRule", "AdmissionStateMachine", "ApprovalsApi", "EvidenceBucket", "SweepStateMachine",
             "ReconcileFleetFunction", "Notifications", "DataKey", "Dashboard"]  # fmt: skip
    assert [next(number for number, names in enumerate(sections) if name in names) for name in story] == [*range(9)]
    alarms = {name for name, one in resources.items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    assert alarms <= set(sections[8])
