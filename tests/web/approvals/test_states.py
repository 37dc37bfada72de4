"""The states of a request that need more than two people and a device: facts that changed, one's own device, a decision nobody takes."""

import pytest
from playwright.sync_api import expect

from gatehouse.demo.stage import Stage
from tests.web.approvals.conftest import ADA, GRACE, People
from tests.web.approvals.opening import ask
from tests.web.approvals.test_pages import decide, votes

pytestmark = [pytest.mark.browser, pytest.mark.local_cloud]


def test_facts_that_changed_are_shown_beside_what_was_and_what_was_typed_stays(people: People, stage: Stage) -> None:
    identity = ask(stage, "pump-moved")
    ada = people.visit(ADA, f"{people.inbox}/{identity}")
    again = ask(stage, "pump-moved", basis="c" * 64, token="token of another try", site="Plant C")
    assert again == identity
    decide(ada, reason="Typed at length")
    expect(ada.get_by_role("alert")).to_contain_text("Nothing was signed.")
    changed = ada.locator("tr").filter(has_text="device.record.site")
    expect(changed.locator("td")).to_have_text(["Plant B", "Plant C"])
    expect(ada.locator("#approve-reason")).to_have_value("Typed at length")
    expect(ada.get_by_role("radio", checked=True)).to_have_count(0)
    assert votes(stage, identity) == []
    decide(ada)
    expect(ada.locator("h1")).to_have_text("Your signature is recorded")


def test_who_entered_the_device_is_told_why_they_cannot_decide(people: People, stage: Stage) -> None:
    identity = ask(stage, "pump-own", entered_by=stage.people[ADA].email)
    ada = people.visit(ADA, f"{people.inbox}/{identity}")
    expect(ada.get_by_role("heading", name="Why you cannot decide this")).to_be_visible()
    expect(ada.get_by_role("button", name="and sign")).to_have_count(0)
    grace = people.visit(GRACE, f"{people.inbox}/{identity}")
    expect(grace.get_by_role("button", name="Approve and sign")).to_be_visible()


def test_a_decision_that_no_execution_takes_is_reported(people: People, stage: Stage) -> None:
    """The execution of `ask` does not exist: as one that was stopped and is long forgotten."""
    identity = ask(stage, "pump-lost")
    ada = people.visit(ADA, f"{people.inbox}/{identity}")
    decide(ada)
    expect(ada.locator("h1")).to_have_text("Your signature is recorded")
    decide(people.visit(GRACE, f"{people.inbox}/{identity}"))
    expect(ada.get_by_role("alert")).to_contain_text("Decided, but not carried out.", timeout=30_000)
    ada.get_by_role("link", name="Inbox").first.click()
    ada.get_by_role("link", name="Not carried out").click()
    expect(ada.get_by_role("link", name="pump-lost")).to_be_visible()
    expect(ada.locator(".row .badge").first).to_have_text("not carried out")
