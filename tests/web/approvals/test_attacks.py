"""What strangers try on somebody who is signed in, with a browser that does what browsers do: other sites, frames, prefetch, names."""

import html
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Dialog, expect

from gatehouse.demo.stage import Stage
from tests.approvals import TOKEN
from tests.web.approvals.conftest import ADA, People
from tests.web.approvals.opening import ask

pytestmark = [pytest.mark.browser, pytest.mark.local_cloud]

IMAGE, SCRIPT = "<img src=x onerror=alert(1)>", "<script>alert(2)</script>"
TURNED, CYRILLIC = "\N{RIGHT-TO-LEFT OVERRIDE}", "\N{CYRILLIC SMALL LETTER A}"


class Stranger:
    """A web server of somebody else's, on this machine. `page` is what it shows to everybody."""

    def __init__(self) -> None:
        self.page = ""
        stranger = self

        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(stranger.page.encode())

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
                """Says nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def address(self, host: str) -> str:
        return f"http://{host}:{self.server.server_port}/"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    made = Stranger()
    yield made
    made.close()


def kept(stage: Stage, approval_id: str) -> str:
    """Everything the table has of a request."""
    found = stage.target.client("dynamodb").query(
        TableName=stage.target.output("ApprovalsTable"),
        KeyConditionExpression="approval_id = :id",
        ExpressionAttributeValues={":id": {"S": approval_id}},
        ConsistentRead=True,
    )
    return json.dumps(found["Items"], default=str, sort_keys=True)


def still_signed_in(context: BrowserContext, address: str) -> bool:
    return context.request.get(address, max_redirects=0).status == 200


@pytest.mark.parametrize(
    ("host", "told"),
    [("localhost", "You are not signed in"), ("127.0.0.1", "This form was not made for your session")],
    ids=["another site, without our cookie", "same site, with it"],
)
def test_a_strangers_page_that_sends_our_form_decides_nothing(
    people: People, stage: Stage, stranger: Stranger, host: str, told: str
) -> None:
    """Even one that has learned the form's token. Sites are told apart by host, not by port, so both kinds come from this machine."""
    identity = ask(stage, f"pump-forged-{host}")
    ada = people.visit(ADA, f"{people.inbox}/{identity}")
    form = ada.locator("form").filter(has=ada.get_by_role("button", name="Reject and sign"))
    fields = {
        name: form.locator(f"[name={name}]").first.input_value() for name in ("csrf", "decision", "basis", "snapshot")
    }
    assert fields["csrf"]
    before = kept(stage, identity)
    inputs = "".join(f'<input name="{name}" value="{html.escape(value)}">' for name, value in fields.items())
    stranger.page = (
        f'<form method="post" action="{people.inbox}/{identity}/vote">{inputs}<input name="reason" value="x"></form>'
        "<script>document.forms[0].submit()</script>"
    )
    bait = ada.context.new_page()
    bait.goto(stranger.address(host))
    expect(bait.locator("main")).to_contain_text(told)
    assert kept(stage, identity) == before
    assert still_signed_in(ada.context, people.inbox), "only the form was refused"


def test_nobody_shows_our_pages_in_a_frame(people: People, stage: Stage, stranger: Stranger) -> None:
    ada = people.visit(ADA)
    stranger.page = f'<iframe src="{people.inbox}"></iframe><iframe src="{stranger.address("localhost")}?own"></iframe>'
    bait = ada.context.new_page()
    with bait.expect_response(lambda answer: answer.url == people.inbox and answer.status == 200):
        bait.goto(
            stranger.address("127.0.0.1")
        )  # same site: the cookie comes along, so this is our page and no sign-in
    bait.wait_for_load_state("networkidle")
    assert "chrome-error://chromewebdata/" in [frame.url for frame in bait.frames]
    assert not any(frame.locator(".tabs").count() for frame in bait.frames)


def test_whoever_fetches_every_address_of_a_page_decides_nothing(
    people: People, stage: Stage, stranger: Stranger
) -> None:
    """As previews, scanners and prefetching browsers do, with the session of the person whose mail it is."""
    identity = ask(stage, "pump-prefetched")
    ada = people.visit(ADA, f"{people.inbox}/{identity}")
    found: list[str] = ada.evaluate(
        "[...document.querySelectorAll('a[href], form')].map((each) => each.href || each.action).filter((each) => each)"
    )
    assert f"{people.inbox}/{identity}/vote" in found
    assert any(address.endswith("/sign-out") for address in found)
    asked = {*found, *(f"{people.inbox}/{identity}/vote?decision={decision}" for decision in ("approve", "reject"))}
    before = kept(stage, identity)
    for address in sorted(asked):
        ada.context.request.get(address, max_redirects=0)
        ada.context.request.head(address, max_redirects=0)
    stranger.page = "".join(f'<link rel="prefetch" href="{html.escape(address)}">' for address in sorted(asked))
    bait = ada.context.new_page()
    bait.goto(stranger.address("127.0.0.1"), wait_until="networkidle")
    assert kept(stage, identity) == before
    assert still_signed_in(ada.context, people.inbox)


def test_hostile_names_are_text_and_what_deceives_is_marked(people: People, stage: Stage) -> None:
    """No task token is on any page either."""
    device = f"{IMAGE}{TURNED}evil"
    name = f"pump-004{CYRILLIC}"
    identity = ask(
        stage, device, product=SCRIPT, site=f"{SCRIPT}{TURNED}", changed={"subject": f"CN={name}", "common_name": name}
    )
    ada = people.visit(ADA)
    popped: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        popped.append(dialog.message)
        dialog.dismiss()

    ada.on("dialog", dismiss)
    places = ["/approvals", f"/approvals/{identity}", "/search?device=pump"]
    for place in places:
        ada.goto(f"{people.inbox.removesuffix('/approvals')}{place}")
        expect(ada.locator("h1")).to_be_visible()
        assert ada.locator("main img, main script").count() == 0, place
        assert TURNED not in ada.content(), "a turned direction never reaches the page"
        assert TOKEN not in ada.content()
    ada.goto(f"{people.inbox}/{identity}")
    expect(ada.locator("main mark").filter(has_text="U+202E").first).to_be_visible()
    expect(ada.locator("main mark[title='U+0430 CYRILLIC SMALL LETTER A']").first).to_have_text(CYRILLIC)
    expect(ada.locator(".checks .bad")).to_contain_text("Has characters that can mislead")
    assert popped == []


def test_guessed_ids_tell_nothing(people: People) -> None:
    ada = people.visit(ADA)
    for guess in ("0" * 32, "..%2f..%2fsecrets", "%3Cscript%3E", "a" * 500):
        answer = ada.goto(f"{people.inbox}/{guess}")
        assert answer
        assert answer.status == 404, guess
        expect(ada.locator("main")).to_contain_text("Page not found")
