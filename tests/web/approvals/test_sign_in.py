"""Signing in and out in Chromium: what the browser keeps, how a session ends, and that coming back decides nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from gatehouse.approval import approvers
from gatehouse.demo.stage import Person, Stage
from tests.approvals import ruling
from tests.web.approvals.conftest import ADA, GRACE, People
from tests.web.approvals.opening import ask
from tests.web.approvals.test_pages import decide, votes

pytestmark = [pytest.mark.browser, pytest.mark.local_cloud]


def fill_in(page: Page, person: Person) -> None:
    """The provider's page."""
    page.fill("#username", person.email)
    page.fill("#password", person.password)
    page.get_by_role("button", name="Sign in").click()


def change_sessions(stage: Stage, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Make of every kept session what `change` makes of it: so time passes for them."""
    dynamodb, table = stage.target.client("dynamodb"), _sessions_table(stage)
    for item in dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]:
        dynamodb.put_item(TableName=table, Item=change(item))


def signed_in_an_hour_ago(item: dict[str, Any]) -> dict[str, Any]:
    voter = json.loads(item["voter"]["S"])
    return {**item, "voter": {"S": json.dumps({**voter, "signed_in_at": "2026-01-01T00:00:00Z"})}}


def unattended(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "seen_at": {"N": str(int(item["seen_at"]["N"]) - 15 * 60)}}


def _sessions_table(stage: Stage) -> str:
    found = stage.target.client("cloudformation").describe_stack_resource(
        StackName=stage.target.stack, LogicalResourceId="SessionsTable"
    )
    name: str = found["StackResourceDetail"]["PhysicalResourceId"]
    return name


def test_the_browser_keeps_one_number_that_scripts_and_other_sites_do_not_get(people: People) -> None:
    ada = people.visit(ADA)
    assert ada.url == people.inbox, "neither code nor state stays in the address"
    (cookie,) = ada.context.cookies()
    assert (cookie["name"], cookie["path"], cookie["expires"]) == ("__Host-session", "/", -1)
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
    assert ada.evaluate("document.cookie + localStorage.length + sessionStorage.length") == "00"


def test_a_fresh_sign_in_comes_back_to_the_request_and_decides_nothing(people: People, stage: Stage) -> None:
    identity = ask(stage, "pump-fresh", rule=ruling(fresh_sign_in=True))
    ada = people.visit(ADA)
    change_sessions(stage, signed_in_an_hour_ago)
    ada.goto(f"{people.inbox}/{identity}")
    expect(ada.get_by_role("button", name="Approve and sign")).to_have_count(0)
    asked: list[Request] = []
    ada.on("request", lambda one: asked.append(one))  # noqa: PLW0108 - playwright looks into it
    ada.get_by_role("link", name="Sign in again").click()
    expect(ada.locator("#password")).to_be_visible()
    (authorize,) = [one for one in asked if "/oauth2/authorize" in one.url]
    assert "prompt=login" in authorize.url
    assert "referer" not in authorize.all_headers(), "the provider is not told which request it is about"
    fill_in(ada, stage.people[ADA])
    expect(ada.locator("h1")).to_contain_text("for pump-fresh")
    assert ada.url == f"{people.inbox}/{identity}"
    assert votes(stage, identity) == []
    decide(ada)
    expect(ada.locator("h1")).to_have_text("Your signature is recorded")
    assert len(votes(stage, identity)) == 1


def test_after_a_quarter_of_an_hour_unattended_the_open_form_decides_nothing(people: People, stage: Stage) -> None:
    identity = ask(stage, "pump-unattended")
    ada = people.visit(ADA, f"{people.inbox}/{identity}")
    change_sessions(stage, unattended)
    decide(ada)
    expect(ada.locator("h1")).to_have_text("You are not signed in")
    assert votes(stage, identity) == []
    ada.get_by_role("link", name="Sign in").click()
    fill_in(ada, stage.people[ADA])
    expect(ada.locator("h1")).to_contain_text("for pump-unattended")
    assert votes(stage, identity) == []


def test_an_open_page_says_that_the_session_has_ended(people: People, stage: Stage) -> None:
    identity = ask(stage, "pump-asleep")
    ada = people.visit(ADA, f"{people.inbox}/{identity}")
    change_sessions(stage, unattended)
    expect(ada.locator(".live")).to_contain_text("Your session has ended", timeout=20_000)


def test_who_signed_out_leaves_nothing_for_the_back_button(people: People, stage: Stage) -> None:
    identity = ask(stage, "pump-left")
    ada = people.visit(ADA, f"{people.inbox}/{identity}")
    ada.get_by_role("button", name="Sign out").click()
    expect(ada.locator("h1")).to_have_text("You are signed out of Gatehouse")
    assert ada.context.cookies() == []
    ada.go_back()
    expect(ada.locator("#username")).to_be_visible()


def test_signing_out_at_the_provider_comes_back_to_us(people: People) -> None:
    ada = people.visit(ADA)
    ada.get_by_role("button", name="Sign out").click()
    with ada.expect_request(lambda one: one.url == people.inbox):
        ada.get_by_role("link", name="Sign out of the identity provider").click()
    expect(ada.locator("#username")).to_be_visible()


def test_a_link_that_would_sign_somebody_in_as_another_does_not(people: People, stage: Stage, browser: Browser) -> None:
    """Grace signs in half-way and sends Ada the way back; Ada's browser began no such sign-in."""
    half_way = browser.new_context().new_page()
    kept: list[str] = []

    def keep(route: Route) -> None:
        kept.append(route.fetch(max_redirects=0).headers["location"])
        route.fulfill(status=200, body="")

    half_way.route("**/login", keep)
    half_way.goto(people.inbox)
    with half_way.expect_response("**/login"):
        fill_in(half_way, stage.people[GRACE])
    half_way.context.close()
    ada = people.visit(ADA)
    before = ada.context.cookies()
    (way_back,) = kept
    assert "code=" in way_back
    answer = ada.goto(way_back)
    assert answer
    assert answer.status == 401
    expect(ada.locator("main")).to_contain_text("This browser did not begin this sign-in")
    assert ada.context.cookies() == before
    ada.goto(people.inbox)
    expect(ada.locator(".who")).to_contain_text("Ada Lovelace")


def test_somebody_in_no_group_is_told_so_and_sees_nothing(stage: Stage, people: People, browser: Browser) -> None:
    identity = ask(stage, "pump-unseen")
    mallory = Person(name="Mallory", email="mallory@example.com", group="", password="Not-in-any-group-1")
    approvers.add(stage.target, email=mallory.email, name=mallory.name, password=mallory.password, groups=[])
    context = browser.new_context()
    page = context.new_page()
    for place in (f"{people.inbox}/{identity}", people.inbox, people.inbox.replace("/approvals", "/search")):
        page.goto(place)
        if page.locator("#username").count():
            fill_in(page, mallory)
        expect(page.locator("main")).to_contain_text("You are not in a group that approves or reviews")
        assert "pump-unseen" not in page.content()
    context.close()
