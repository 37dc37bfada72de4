"""What the pages show, to whom, and that looking never changes anything."""

import re

import pytest
from msgspec.structs import replace

from functions.approval.approvals_web.pages import checks
from functions.approval.approvals_web.pages.text import visible
from tests import aws_environment
from tests.approvals import MINUTE, NOW, TOKEN, asked, person, ruling
from tests.functions.approval.conftest import Scene
from tests.functions.approval.pages.conftest import Browser, Issuer
from tests.functions.approval.test_api import keep
from workflows.approval.bulk import all_green
from workflows.text import misleading

ADA, SAM = person("ada", "quality"), person("sam", "security")
OTTO = person("otto", "auditors")


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_looking_changes_nothing_whatever_is_asked_for(scene: Scene, browser: Browser) -> None:
    """GET, HEAD, a prefetch, a mail scanner with somebody's session: a link decides nothing."""
    scene.asks()
    browser.sign_in(ADA)
    before = scene.everything_kept()
    pages = ["", "/receipt", "/state", "/vote", "/vote?decision=approve"]
    together = ["/together", f"/together?ticked={scene.id}", "/together/vote"]
    for path in ["/", "/approvals", *(f"/approvals/{scene.id}{page}" for page in pages), *together]:
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
            asked_for, _, query = path.partition("?")
            browser.get(asked_for, method, **dict([query.split("=")] if query else []))
    assert scene.everything_kept() == before


def test_the_sentence_comes_first_and_everything_to_decide_on_is_there(scene: Scene, browser: Browser) -> None:
    scene.asks()
    scene.votes(SAM)
    browser.sign_in(ADA)
    shown = browser.get(f"/approvals/{scene.id}")
    text = plain(shown.text)
    assert shown.status == 200
    assert (
        "for pump-0042, Plant B. Needs 1 of quality and 1 of security; 1 of 2 received; expires in 4 h 0 min." in text
    )
    for wanted in (
        "Not revoked",
        "Expected as pump-0042",
        "high-impact-product, version 7",
        "Your signature is the last one needed",
        "One rejection is enough",
        "Approve and sign",
        "Reject and sign",
        "erin , who may not decide",
        asked().certificate.certificate_id,
        asked().certificate.public_key,
    ):
        assert wanted in text, wanted
    assert not [field for field in re.findall(r"<input[^>]*>", shown.text) if "checked" in field], "nothing is chosen"


def test_what_failed_stands_before_what_is_in_order(scene: Scene, browser: Browser) -> None:
    given = asked()
    device = replace(given.device, findings=("second_certificate",), bound_certificate_id="b" * 64, matched_by="name")
    scene.asks(replace(given, device=device))
    browser.sign_in(ADA)
    checks = re.findall(r'<li class="(bad|attention|good)">', browser.get(f"/approvals/{scene.id}").text)
    assert checks == sorted(checks, key=["bad", "attention", "good"].index)
    assert checks[0] == "bad"


@pytest.mark.parametrize(
    "name",
    [
        "</textarea><script>alert(1)</script>",
        "\u202egnp.exe",
        "\u0440ump-0042",
        "a\u200bb",
        "<img src=x onerror=alert(1)>",
    ],
)
def test_a_hostile_name_is_shown_for_what_it_is(scene: Scene, browser: Browser, name: str) -> None:
    given = asked()
    assert given.device.record is not None
    record = replace(given.device.record, device=name, site=name, entered_by=name, product=name)
    certificate = replace(given.certificate, subject=f"CN={name}", common_name=name)
    scene.asks(replace(given, certificate=certificate, device=replace(given.device, record=record)))
    browser.sign_in(ADA)
    for path in (f"/approvals/{scene.id}", "/approvals"):
        shown = browser.get(path).text
        assert name not in shown
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert not {"\u202e", "\u200b"} & set(shown)
        assert name.isascii() or "<mark title=" in shown
    assert name.isascii() or "characters that can mislead" in plain(browser.get(f"/approvals/{scene.id}").text)


def test_lookalikes_are_named() -> None:
    assert misleading("pump-0042 \u00e9") == ()
    assert misleading("\u0440ump") == ("U+0440 CYRILLIC SMALL LETTER ER",)
    assert str(visible("a\u202e<")) == '<bdi>a<mark title="U+202E RIGHT-TO-LEFT OVERRIDE">U+202E</mark>&lt;</bdi>'


def test_somebody_in_no_group_is_told_so_and_learns_nothing(scene: Scene, browser: Browser) -> None:
    scene.asks()
    browser.sign_in(person("mal", "finance"))
    told = {browser.get(path).text for path in ("/approvals", f"/approvals/{scene.id}", f"/approvals/{'0' * 32}")}
    assert len({plain(text).split("Continue")[0] for text in told}) == 1
    assert all("not in a group that approves" in text for text in told)
    assert browser.get("/approvals").status == 403


@pytest.mark.parametrize("guess", ["0" * 32, "../../etc/passwd", "x", "%00", "A" * 32])
def test_guessed_ids_lead_nowhere(scene: Scene, browser: Browser, guess: str) -> None:
    scene.asks()
    browser.sign_in(ADA)
    assert browser.get(f"/approvals/{guess}").status == 404


def test_who_cannot_decide_reads_why_and_finds_no_button(scene: Scene, browser: Browser) -> None:
    scene.asks(asked(entered_by="ada"))
    for who, why in ((OTTO, "none of these groups"), (ADA, "You entered this device")):
        browser.sign_in(who)
        shown = browser.get(f"/approvals/{scene.id}").text
        assert why in plain(shown)
        assert "and sign</button>" not in shown


@pytest.mark.parametrize(
    "path", ["/approvals", "/approvals/{id}", "/search", "/delegations", "/nowhere", "/assets/pages.css"]
)
def test_every_page_forbids_what_it_does_not_need(scene: Scene, browser: Browser, path: str) -> None:
    scene.asks()
    browser.sign_in(ADA)
    headers = browser.get(path.replace("{id}", scene.id)).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert path.startswith("/assets") or headers["cache-control"] == "no-store"


def test_nothing_on_a_page_comes_from_elsewhere_or_stands_in_line(scene: Scene, browser: Browser) -> None:
    scene.asks()
    browser.sign_in(ADA)
    shown = browser.get(f"/approvals/{scene.id}").text
    assert re.findall(r"<style|style=|\son\w+=|<script(?! src)", shown) == []
    for address in re.findall(r'(?:src|href|action)="([^"]+)"', shown):
        assert address.startswith(("/", "#")), address


def test_expired_decided_and_not_carried_out_are_told(scene: Scene, browser: Browser) -> None:
    scene.asks()
    browser.sign_in(ADA)
    scene.votes(ADA)
    scene.votes(SAM)
    assert "The decision is being sent to the execution" in plain(browser.get(f"/approvals/{scene.id}").text)
    scene.step_functions.ends(asked().execution.arn)
    scene.streams()
    shown = plain(browser.get(f"/approvals/{scene.id}").text)
    assert "Decided, but not carried out." in shown
    assert "ended before it could take the decision" in shown
    assert "pump-0042" in plain(browser.get("/approvals", tab="not_carried_out").text)


def test_an_open_request_that_is_overdue_has_expired(scene: Scene, browser: Browser) -> None:
    scene.asks(asked(rule=ruling(decide_within=600)))
    browser.sign_in(ADA)
    scene.at(NOW + 11 * MINUTE)
    shown = browser.get(f"/approvals/{scene.id}").text
    assert "expired" in plain(shown)
    assert "and sign</button>" not in shown


def test_what_became_of_the_device_is_on_the_page(scene: Scene, browser: Browser) -> None:
    scene.asks()
    browser.sign_in(ADA)
    scene.votes(ADA, "reject")
    certificate_id = asked().certificate.certificate_id
    aws_environment.client("dynamodb").update_item(
        TableName=scene.environment["ADMISSIONS_TABLE"],
        Key={"certificate_id": {"S": certificate_id}},
        UpdateExpression="SET outcome = :outcome, reason = :reason",
        ExpressionAttributeValues={":outcome": {"S": "refused"}, ":reason": {"S": "<b>No</b>"}},
    )
    for path in ("", "/receipt"):
        shown = browser.get(f"/approvals/{scene.id}{path}").text
        assert "The device was refused : &lt;b&gt;No&lt;/b&gt;" in plain(shown)


def test_many_open_requests_are_paged(scene: Scene, browser: Browser) -> None:
    keep(scene, 60)
    browser.sign_in(ADA)
    seen: list[str] = []
    query: dict[str, str] = {}
    for _ in range(10):
        shown = browser.get("/approvals", **query).text
        seen += re.findall(r'<a href="/approvals/([0-9a-f]{32})"', shown)
        following = re.search(r"cursor=([\w-]+)", shown)
        if following is None:
            break
        query = {"tab": "mine", "cursor": following[1]}
    assert len(seen) == len(set(seen)) == 60


def test_a_cursor_that_is_not_ours_is_refused(browser: Browser) -> None:
    browser.sign_in(ADA)
    assert browser.get("/approvals", cursor="rubbish").status == 400
    assert browser.get("/approvals", tab="nowhere").status == 400


def test_the_live_status_tells_changes(scene: Scene, browser: Browser) -> None:
    scene.asks()
    browser.sign_in(ADA)
    before = browser.get(f"/approvals/{scene.id}/state").text
    assert browser.get(f"/approvals/{scene.id}/state").text == before
    scene.votes(SAM)
    assert browser.get(f"/approvals/{scene.id}/state").text != before


def test_no_task_token_on_any_page_or_address(scene: Scene, browser: Browser, issuer: Issuer) -> None:
    scene.asks()
    browser.sign_in(ADA)
    pages = [
        browser.get(path)
        for path in ("/approvals", f"/approvals/{scene.id}", f"/approvals/{scene.id}/state", "/search")
    ]
    pages += [browser.get("/search/export", format=form) for form in ("csv", "json")]
    assert all(page.status == 200 for page in pages)
    assert TOKEN[:24] not in "".join(page.text + str(page.headers) for page in pages)


def test_auditors_find_and_take_away_and_change_nothing(scene: Scene, browser: Browser) -> None:
    scene.asks()
    browser.sign_in(OTTO)
    before = scene.everything_kept()
    assert "pump-0042" in plain(browser.get("/search", device="pump-0042").text)
    assert "No requests match" in plain(browser.get("/search", device="pump-9999").text)
    mistaken = browser.get("/search", **{"from": "yesterday"})
    assert mistaken.status == 400
    assert "yesterday" in mistaken.text
    taken = browser.get("/search/export", format="csv")
    assert taken.headers["content-disposition"].startswith("attachment")
    assert "pump-0042" in taken.text
    page = browser.get(f"/approvals/{scene.id}")
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf
    fields = {"csrf": csrf[1], "decision": "approve", "basis": asked().device.basis_sha256, "meaning": "approval"}
    assert browser.post(f"/approvals/{scene.id}/vote", {**fields, "reason": "x"}).status == 403
    assert (
        browser.post(
            "/delegations", {**fields, "group": "quality", "to": "x", "until": "2026-12-01", "reason": "x"}
        ).status
        == 403
    )
    assert scene.request().votes == ()
    kept = scene.everything_kept()
    assert kept.count("'vote_refused'") == 1
    assert before.count("'request'") == kept.count("'request'")


def test_the_api_still_wants_its_token(scene: Scene, browser: Browser) -> None:
    browser.sign_in(ADA)
    assert browser.get("/api/approvals").status == 401


@pytest.mark.parametrize(
    "unusual", ["nothing", "findings", "matched_by", "subject", "spelling", "revocation", "no record"]
)
def test_green_means_that_every_line_of_the_page_is(unusual: str) -> None:
    """What may be approved in one act is what the page would show without a mark."""
    given = asked()
    assert given.device.record is not None
    match unusual:
        case "findings":
            given = replace(given, device=replace(given.device, findings=("wildcard_policy",)))
        case "matched_by":
            given = replace(given, device=replace(given.device, matched_by="name"))
        case "subject":
            given = replace(given, certificate=replace(given.certificate, common_name="pump-0043"))
        case "spelling":
            given = replace(given, certificate=replace(given.certificate, subject="CN=pump-0042\u202e"))
        case "revocation":
            given = replace(given, revocation=replace(given.revocation, status="unknown"))
        case "no record":
            given = replace(given, device=replace(given.device, record=None))
    shown = checks.checks(
        checks.Evidence(certificate=given.certificate, revocation=given.revocation, device=given.device)
    )
    green = all_green(given.certificate, given.revocation, given.device)
    assert green == all(check.state == "good" for check in shown)
    assert green == (unusual == "nothing")
