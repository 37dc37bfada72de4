"""People decide, in Chromium, on the local cloud: devices are real, and so is the sign-in page that the engine plays for Cognito."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from gatehouse.demo.stage import Stage
from tests.web.approvals.conftest import ADA, GRACE, People, Waiting

pytestmark = [pytest.mark.browser, pytest.mark.local_cloud]


def decide(page: Page, decision: str = "Approve", reason: str = "Delivered under PO 4711") -> None:
    """Fill one of the two forms in and send it."""
    form = the_form(page, decision)
    if decision == "Approve":
        form.get_by_label("Approval: I have reviewed").check()
    form.get_by_label("Reason").fill(reason)
    form.get_by_role("button", name=f"{decision} and sign").click()


def the_form(page: Page, decision: str) -> Locator:
    return page.locator("form").filter(has=page.get_by_role("button", name=f"{decision} and sign"))


def votes(stage: Stage, approval_id: str) -> list[Any]:
    found: list[Any] = stage.desks[ADA].show(approval_id)["votes"]
    return found


def test_two_approvers_let_a_device_in_and_the_first_sees_it_happen(people: People, waiting: Waiting) -> None:
    """From the link in the mail, through the sign-in, to the outcome, which comes by itself."""
    door, identity = waiting("pump-1001")
    ada = people.visit(ADA, f"{people.inbox}/{identity}")
    expect(ada.locator("h1")).to_contain_text("for pump-1001, Plant B. Needs 1 of quality and 1 of security")
    expect(ada.locator(".checks .good").first).to_contain_text("Not revoked")
    decide(ada)
    expect(ada.locator("h1")).to_have_text("Your signature is recorded")
    expect(ada.locator(".status .badge")).to_have_text("pending")
    grace = people.visit(GRACE)
    grace.get_by_role("link", name="pump-1001").click()
    expect(grace.get_by_text("Your signature is the last one needed")).to_be_visible()
    decide(grace)
    expect(grace.locator("h1")).to_have_text("Your signature is recorded")
    assert door.wait_until_closed().outcome == "admitted"
    expect(ada.locator(".status .badge")).to_have_text("admitted", timeout=20_000)
    door.connect_as_admitted().close()


def test_one_rejection_decides_and_the_other_page_learns_of_it(people: People, waiting: Waiting) -> None:
    door, identity = waiting("pump-1002")
    grace = people.visit(GRACE, f"{people.inbox}/{identity}")
    ada = people.visit(ADA, f"{people.inbox}/{identity}")
    decide(ada, "Reject", "Nobody announced this pump")
    assert door.wait_until_closed().outcome == "refused"
    expect(grace.locator(".live")).to_contain_text("Something has changed", timeout=20_000)
    decide(grace)
    expect(grace.get_by_role("alert")).to_contain_text("Rejected by Ada Lovelace")
    expect(grace.locator(".outcome")).to_contain_text("Nobody announced this pump")
    expect(grace.get_by_role("button", name="Approve and sign")).to_have_count(0)


def test_a_page_left_open_past_the_expiry_decides_nothing(people: People, waiting: Waiting, stage: Stage) -> None:
    _, identity = waiting("pump-1003")
    ada = people.visit(ADA, f"{people.inbox}/{identity}")
    expect(ada.locator("h1")).to_contain_text("expires in")
    stage.target.client("dynamodb").update_item(
        TableName=stage.target.output("ApprovalsTable"),
        Key={"approval_id": {"S": identity}, "item": {"S": "request"}},
        UpdateExpression="SET decide_by = :past",
        ExpressionAttributeValues={":past": {"S": "2026-01-01T00:00:00.000Z"}},
    )
    decide(ada)
    expect(ada.get_by_role("alert")).to_contain_text("Nothing was signed.")
    expect(ada.locator(".status .badge")).to_have_text("expired")
    assert votes(stage, identity) == []


def test_a_double_click_and_the_back_button_sign_once(people: People, waiting: Waiting, stage: Stage) -> None:
    _, identity = waiting("pump-1004")
    ada = people.visit(ADA, f"{people.inbox}/{identity}")
    form = the_form(ada, "Approve")
    form.get_by_label("Approval: I have reviewed").check()
    form.get_by_label("Reason").fill("Delivered")
    form.get_by_role("button", name="Approve and sign").dblclick()
    expect(ada.locator("h1")).to_have_text("Your signature is recorded")
    ada.go_back()
    ada.go_forward()
    ada.reload()
    expect(ada.locator("h1")).to_have_text("Your signature is recorded")
    assert len(votes(stage, identity)) == 1
    ada.goto(f"{people.inbox}/{identity}")
    expect(ada.get_by_text("You have approved this.")).to_be_visible()


def test_everything_works_without_javascript(people: People, waiting: Waiting, stage: Stage) -> None:
    _, identity = waiting("pump-1005")
    ada = people.visit(ADA, java_script_enabled=False)
    ada.get_by_role("link", name="pump-1005").click()
    decide(ada)
    expect(ada.locator("h1")).to_have_text("Your signature is recorded")
    assert len(votes(stage, identity)) == 1
    ada.get_by_role("link", name="Search").click()
    ada.get_by_label("Device").fill("pump-1005")
    ada.get_by_role("button", name="Search").click()
    expect(ada.locator(".row")).to_have_count(1)
    ada.get_by_role("button", name="Sign out").click()
    expect(ada.locator("h1")).to_have_text("You are signed out of Gatehouse")
    ada.goto(people.inbox)
    expect(ada.locator("#username")).to_be_visible()


def test_by_keyboard_alone(people: People, waiting: Waiting, stage: Stage) -> None:
    _, identity = waiting("pump-1006")
    ada = people.visit(ADA, f"{people.inbox}/{identity}")
    ada.keyboard.press("Tab")
    expect(ada.get_by_role("link", name="Skip to content")).to_be_focused()
    ada.keyboard.press("Enter")
    for _ in range(30):
        ada.keyboard.press("Tab")
        if ada.evaluate("document.activeElement.type") == "radio":
            break
    ada.keyboard.press("Space")
    ada.keyboard.press("Tab")
    ada.keyboard.type("By keyboard")
    ada.keyboard.press("Tab")
    expect(the_form(ada, "Approve").get_by_role("button")).to_be_focused()
    ada.keyboard.press("Enter")
    expect(ada.locator("h1")).to_have_text("Your signature is recorded")
    assert [vote["reason"] for vote in votes(stage, identity)] == ["By keyboard"]


def test_several_in_one_act(people: People, waiting: Waiting, stage: Stage) -> None:
    ids = [waiting(device)[1] for device in ("pump-1007", "pump-1008")]
    ada = people.visit(ADA)
    for device in ("pump-1007", "pump-1008"):
        ada.get_by_label(f"Select {device}").check()
    ada.get_by_role("button", name="Review selected requests").click()
    expect(ada.locator("h1")).to_have_text("2 requests in one act")
    form = ada.locator("form").filter(has=ada.get_by_role("button", name="Approve and sign all 2"))
    form.get_by_label("Approval: I have reviewed").check()
    form.get_by_label("Reason").fill("One delivery")
    form.get_by_role("button").click()
    expect(ada.locator(".row .badge")).to_have_text(["signed", "signed"])
    assert len({votes(stage, identity)[0]["signature"] for identity in ids}) == 2


def test_somebody_stands_in_for_somebody(people: People, waiting: Waiting, stage: Stage) -> None:
    _, identity = waiting("pump-1009")
    ada = people.visit(ADA)
    ada.get_by_role("link", name="Delegations").click()
    ada.get_by_label("Person").fill("grace@example.com")
    ada.get_by_label("Until the end of").fill(ada.evaluate("new Date(Date.now() + 864e5).toISOString().slice(0, 10)"))
    ada.get_by_label("Reason").fill("On holiday")
    ada.get_by_role("button", name="Delegate").click()
    expect(ada.locator(".row")).to_contain_text("Ada Lovelace → grace@example.com, for quality")
    grace = people.visit(GRACE, f"{people.inbox}/{identity}")
    the_form(grace, "Approve").get_by_label("For Ada Lovelace").check()
    decide(grace)
    expect(grace.locator(".signature")).to_contain_text("Ada Lovelace, quality")
    assert votes(stage, identity)[0]["on_behalf_of"]["name"] == "Ada Lovelace"
    ada.get_by_label("Why it ends").fill("Back again")
    ada.get_by_role("button", name="End delegation").click()
    expect(ada.get_by_text("There are no current delegations.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1200])
def test_no_serious_fault_for_people_who_see_or_point_differently(
    people: People, waiting: Waiting, scheme: str, width: int
) -> None:
    """axe-core finds none, and on a phone nothing has to be scrolled sideways."""
    _, identity = waiting(f"pump-{scheme}-{width}")
    ada = people.visit(ADA, f"{people.inbox}/{identity}", color_scheme=scheme, viewport={"width": width, "height": 800})
    serious: list[str] = []

    def look() -> None:
        expect(ada.locator("h1")).to_be_visible()
        serious.extend(
            f"{ada.url}: {one['id']}: {one['nodes'][0]['html']}"
            for one in Axe().run(ada).response["violations"]
            if one["impact"] in ("serious", "critical")
        )
        assert ada.evaluate("document.documentElement.scrollWidth") <= width, ada.url

    look()
    decide(ada)
    look()
    for place in ("", "?tab=decided", "?tab=nowhere"):
        ada.goto(f"{people.inbox}{place}")
        look()
    for place in ("/search", "/delegations"):
        ada.goto(f"{people.inbox.removesuffix('/approvals')}{place}")
        look()
    assert serious == []
