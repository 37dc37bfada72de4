"""The page in a real browser: what is drawn, what lights up, what a stranger's words can do to it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, expect

from gatehouse.console.server import Console
from tests.web.console.conftest import HOSTILE, Stack, certificate
from tests.web.console.stories import MACHINE, TOKEN, StepFunctions, Story, arn, waiting

pytestmark = pytest.mark.browser

Go = Callable[[str], Page]
LONG = "AnUnreasonablyLongStateNameWithoutAnySpaceInItThatNoBoxCanHoldAtAllHowever"


@pytest.fixture
def go(page: Page, console: Console) -> Go:
    """Opens a place of the console, and waits until it is live."""
    page.goto(console.link)

    def goto(place: str) -> Page:
        page.goto(f"{console.link.split('?')[0]}#/{place}")
        expect(page.locator("#pulse")).to_have_text("Live")
        return page

    return goto


def state(page: Page, name: str) -> Locator:
    return page.locator(f'.state[data-state="{name}"]')


def way(page: Page, start: str) -> Locator:
    """The edge whose title begins so."""
    return page.locator(".way").filter(has=page.locator(f'title:text("{start}")'))


def test_link_is_gone_from_the_address(go: Go) -> None:
    assert "key=" not in go("admissions").url


def test_waiting_execution_is_blue_where_it_waits(go: Go) -> None:
    page = go(f"execution/{arn('waiting')}")
    expect(state(page, "Request approval")).to_have_attribute("data-status", "running")
    expect(state(page, "Check CRL")).to_have_attribute("data-status", "succeeded")
    expect(state(page, "Activate certificate")).to_have_attribute("data-status", "idle")
    expect(page.locator(".notice.waits")).to_contain_text("1 of quality and 1 of security")
    expect(page.locator(".notice.waits")).to_contain_text("2 h")
    expect(page.locator(".way.taken")).to_have_count(9)


def test_caught_error_is_orange_and_only_the_way_taken_lights_up(go: Go) -> None:
    page = go(f"execution/{arn('rolled-back')}")
    expect(state(page, "Attach policy")).to_have_attribute("data-status", "caught")
    expect(state(page, "Failed")).to_have_attribute("data-status", "failed")
    expect(page.locator(".way.caught")).to_have_count(1)
    expect(page.locator(".way.caught title")).to_contain_text("Attach policy → Roll back: on PolicyRefused")


def test_of_catch_and_next_to_one_state_only_the_one_taken_lights_up(go: Go, stack: Stack) -> None:
    for name, event in (("by-next", "TaskSucceeded"), ("by-catch", "TaskTimedOut")):
        story = (
            waiting(name).tell(event, output="{}", error="States.Timeout")
            if event == "TaskTimedOut"
            else waiting(name).succeed()
        )
        stack.sfn.stories[arn(name)] = story.leave("Request approval").enter("Read decision").attempt()
    page = go(f"execution/{arn('by-next')}")
    expect(page.locator(".way.next.taken title", has_text="Request approval → Read decision")).to_have_count(1)
    expect(page.locator(".way.caught")).to_have_count(0)
    page = go(f"execution/{arn('by-catch')}")
    expect(page.locator(".way.caught title")).to_have_text("Request approval → Read decision: on States.Timeout")
    expect(page.locator(".way.next.taken title", has_text="Request approval → Read decision")).to_have_count(0)


def test_attempts_are_counted_in_the_box(go: Go) -> None:
    page = go(f"execution/{arn('admitted')}")
    expect(state(page, "Attach policy").locator(".times text")).to_have_text("2\u00d7")
    expect(state(page, "Attach policy")).to_have_attribute("aria-label", "Attach policy, succeeded, 2 attempts")


def boxes(page: Page) -> dict[str, Any]:
    """Every state's box in screen pixels, with the width that its text and its drawn box take."""
    expect(page.locator("svg.graph")).to_be_visible()
    found: dict[str, Any] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".state")].map((state) => {
            const box = state.querySelector(".box").getBBox(), text = state.querySelector("text.name").getBBox();
            return [state.dataset.state, {
                left: box.x, right: box.x + box.width, top: box.y, bottom: box.y + box.height,
                text: [text.x, text.y, text.x + text.width, text.y + text.height]}];
        }))"""
    )
    return found


@pytest.fixture
def nasty(stack: Stack) -> StepFunctions:
    """A definition whose names no box can hold, with a loop and a fan."""
    states: dict[str, Any] = {
        LONG: {"Type": "Choice", "Choices": [{"Condition": "{% $x = 'y' %}", "Next": "Side"}], "Default": "W" * 80},
        "W" * 80: {
            "Type": "Task",
            "Next": "a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 7 8 9 and so on",
            "Catch": [{"ErrorEquals": ["X"], "Next": "Side"}, {"ErrorEquals": ["Y"], "Next": "Other"}],
        },
        "a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 7 8 9 and so on": {"Type": "Succeed"},
        "Side": {"Type": "Pass", "Next": "Other"},
        "Other": {"Type": "Choice", "Choices": [{"Condition": "{% $back %}", "Next": "Side"}], "Default": HOSTILE},
        HOSTILE: {"Type": "Fail"},
    }
    stack.sfn.definition = json.dumps({"StartAt": LONG, "States": states})
    return stack.sfn


def test_long_names_stay_in_their_boxes(go: Go, nasty: StepFunctions) -> None:
    nasty.stories[arn("nasty")] = Story("nasty").choose(LONG).enter("W" * 80).attempt()
    found = boxes(go(f"execution/{arn('nasty')}"))
    assert len(found) == 6
    for name, box in found.items():
        left, top, right, bottom = box["text"]
        assert box["left"] <= left, name
        assert right <= box["right"], name
        assert box["top"] <= top, name
        assert bottom <= box["bottom"], name


def test_every_name_of_the_workflow_is_written_in_full_in_its_box(go: Go) -> None:
    page = go(f"execution/{arn('admitted')}")
    for name, box in boxes(page).items():
        left, _, right, _ = box["text"]
        assert box["left"] <= left < right <= box["right"], name
        lines = state(page, name).locator("text.name tspan").all_text_contents()
        assert " ".join(lines) == name


def test_happy_path_runs_straight_down_and_no_box_covers_another(go: Go, stack: Stack) -> None:
    page = go(f"execution/{arn('admitted')}")
    found = boxes(page)
    expect(state(page, "Notify")).to_have_attribute("data-status", "succeeded")
    path = [
        "Claim admission",
        "Check CRL",
        "Look up device",
        "Request approval",
        "Activate certificate",
        "Notify",
        "Admitted",
    ]
    middles = [(found[name]["left"] + found[name]["right"]) / 2 for name in path]
    assert max(middles) - min(middles) < 1
    assert [found[name]["top"] for name in path] == sorted(found[name]["top"] for name in path)
    every = list(found.values())
    for number, one in enumerate(every):
        for other in every[number + 1 :]:
            apart = (
                one["right"] < other["left"]
                or other["right"] < one["left"]
                or one["bottom"] < other["top"]
                or other["bottom"] < one["top"]
            )
            assert apart


def test_new_events_show_up_by_themselves_and_nobody_loses_their_place(go: Go, stack: Stack) -> None:
    page = go(f"execution/{arn('waiting')}")
    state(page, "Check CRL").press("Enter")
    expect(page.get_by_role("heading", name="Check CRL")).to_be_visible()
    stack.sfn.stories[arn("waiting")].succeed().leave("Request approval").enter("Read decision").attempt()
    expect(state(page, "Read decision")).to_have_attribute("data-status", "running")
    expect(state(page, "Request approval")).to_have_attribute("data-status", "succeeded")
    expect(page.get_by_role("heading", name="Check CRL")).to_be_visible()
    expect(state(page, "Check CRL")).to_be_focused()


def test_state_chosen_before_everything_is_there_is_shown_when_it_is(go: Go) -> None:
    page = go("admissions")
    waiting_for: list[Route] = []
    page.route("**/api/admission?*", lambda route: waiting_for.append(route))  # noqa: PLW0108 - playwright looks into it
    page.goto(f"{page.url.split('#')[0]}#/execution/{arn('admitted')}")
    state(page, "Check CRL").press("Enter")
    for route in waiting_for:
        route.continue_()
    expect(page.get_by_role("heading", name="Check CRL")).to_be_visible()


def test_what_has_not_changed_is_not_fetched_again(go: Go) -> None:
    page = go(f"execution/{arn('admitted')}")
    with page.expect_response(lambda answer: "/api/execution?" in answer.url) as found:
        pass
    assert found.value.status == 304


def test_finished_execution_is_coloured_however_slow_the_first_answer_is(go: Go) -> None:
    page = go("admissions")

    def slowly(route: Route) -> None:
        page.wait_for_timeout(1500)  # longer than the page waits before it looks again
        route.continue_()

    page.route("**/api/graph?*", slowly)
    page = go(f"execution/{arn('admitted')}")
    expect(state(page, "Admitted")).to_have_attribute("data-status", "succeeded")
    for _ in range(2):
        page.wait_for_event("response", lambda answer: "/api/execution?" in answer.url)
    expect(state(page, "Admitted")).to_have_attribute("data-status", "succeeded")


def test_chosen_state_shows_what_came_out_and_where_it_leads(go: Go) -> None:
    page = go(f"execution/{arn('admitted')}")
    state(page, "Check CRL").click()
    card = page.get_by_label("Chosen state")
    expect(card.locator("pre")).to_contain_text('"status": "good"')
    card.get_by_role("button", name="Arguments").click()
    expect(card.locator("pre")).to_have_text("{}")
    state(page, "Is it revoked?").click()
    expect(card.locator(".ways .taken")).to_contain_text("Look up device")
    expect(card.locator(".ways")).to_contain_text("$dossier.revocation.status = 'revoked'")


def test_event_opens_and_its_task_token_is_withheld(go: Go) -> None:
    page = go(f"execution/{arn('waiting')}")
    page.get_by_role("button", name="TaskScheduled").last.click()
    expect(page.locator("tr.said pre")).to_contain_text("(task token withheld)")
    assert TOKEN not in page.content()


def test_search_by_device_and_by_outcome(go: Go) -> None:
    page = go("admissions")
    names, words = page.locator("tbody td.name"), page.get_by_label("Search", exact=True)
    expect(names).to_have_count(5)
    words.fill("pump-0001")
    expect(names).to_have_text(["pump-0001"])
    words.fill(certificate(3)[:10])
    expect(names).to_have_text(["gateway-0006"])
    words.fill("")
    page.get_by_role("button", name="held").click()
    expect(names).to_have_text(["stranger-0004"])
    expect(page.get_by_label("Outcome")).to_have_value("held")
    page.get_by_role("link", name="stranger-0004").click()
    expect(page.locator("svg.graph")).to_be_visible()


@pytest.mark.parametrize("place", ["admissions", f"execution/{arn('stopped')}"])
def test_hostile_names_are_text(go: Go, place: str) -> None:
    page = go(place)
    expect(page.locator("main")).to_contain_text("<script>alert(2)</script>")
    assert page.locator("main img, main script").count() == 0


def test_hostile_state_name_is_text(go: Go, nasty: StepFunctions) -> None:
    nasty.stories[arn("nasty")] = Story("nasty").enter(HOSTILE, "Fail")
    page = go(f"execution/{arn('nasty')}")
    expect(page.get_by_label("Chosen state")).to_contain_text("<img src=x")
    assert page.locator("main img, main script").count() == 0


def test_redrive_from_the_page(go: Go, stack: Stack) -> None:
    page = go(f"execution/{arn('stopped')}")
    page.get_by_label("Reason").fill("AWS IoT works again")
    page.get_by_role("button", name="Redrive").click()
    expect(state(page, "Inspect certificate")).to_have_attribute("data-status", "running")
    expect(page.get_by_label("Reason")).to_be_hidden()
    assert [entry["reason"] for entry in stack.trail()] == ["AWS IoT works again"] * 2


def test_execution_that_the_workflow_ended_offers_no_redrive(go: Go) -> None:
    page = go(f"execution/{arn('rolled-back')}")
    expect(page.locator("form.redrive")).to_contain_text("next knock starts a new admission")
    expect(page.get_by_label("Reason")).to_be_hidden()


def test_read_only_console_says_so(page: Page, stack: Stack) -> None:
    with Console(stack) as console:
        page.goto(console.link)
        page.goto(f"{console.link.split('?')[0]}#/execution/{arn('stopped')}")
        expect(page.locator("#where")).to_contain_text("read-only")
        expect(page.locator("form.redrive")).to_contain_text("--allow-redrive")
        expect(page.get_by_role("button", name="Redrive")).to_have_count(0)


def test_decision_not_carried_out_stands_above_the_approvals(go: Go) -> None:
    page = go("approvals")
    expect(page.locator(".notice.bad")).to_contain_text("cannot be carried out: its execution had ended")
    expect(page.locator("tbody tr")).to_contain_text("pump-0002")
    expect(page.locator("tbody tr")).to_contain_text("reminded")


def test_silence_of_the_server_is_said(page: Page, stack: Stack) -> None:
    with Console(stack) as console:
        page.goto(console.link)
        expect(page.locator("#pulse")).to_have_text("Live")
    expect(page.locator("#pulse")).to_have_text("Not live")
    expect(page.get_by_role("alert")).to_contain_text("Is it still running?")


def test_fault_of_aws_is_shown_and_goes_away(go: Go, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    page = go("executions")
    good = stack.sfn
    monkeypatch.setattr(good, "_list_executions", lambda **_: (_ for _ in ()).throw(_throttled()))
    page.get_by_label("Status").select_option("RUNNING")
    expect(page.get_by_role("alert")).to_contain_text("AWS gets too many calls at once")
    monkeypatch.undo()
    expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "place",
    ["admissions", "approvals", "lists", "executions"]
    + [f"execution/{arn(name)}" for name in ("waiting", "rolled-back", "stopped")],
)
def test_no_serious_accessibility_fault(browser: Browser, console: Console, place: str, theme: Any) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, color_scheme=theme, reduced_motion="reduce")
    page = context.new_page()
    page.goto(console.link)
    page.goto(f"{console.link.split('?')[0]}#/{place}")
    expect(page.locator("#pulse")).to_have_text("Live")
    expect(page.locator("main table, main .empty").first).to_be_visible()
    found = Axe().run(page).response["violations"]
    serious = [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]
    context.close()
    assert serious == []


def test_theme_is_remembered(go: Go) -> None:
    page = go("admissions")
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    page.reload()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 22, 29)"


def test_execution_is_of_the_stacks_own_machine(go: Go) -> None:
    page = go("executions")
    page.goto(page.url.split("#", maxsplit=1)[0] + "#/execution/" + MACHINE.replace("Admission", "Payroll"))
    expect(page.get_by_role("alert")).to_contain_text("expected an execution of this stack")


def _throttled() -> Exception:
    from botocore.exceptions import ClientError

    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "ListExecutions")
