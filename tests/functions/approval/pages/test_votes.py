"""Deciding on the pages: one signature a click, from whom it may come, and nothing for anybody else."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from msgspec.structs import replace

from tests.approvals import HOUR, MINUTE, NOW, asked, person, ruling
from tests.functions.approval.conftest import Scene
from tests.functions.approval.pages.conftest import Answer, Browser, Issuer
from tests.functions.approval.pages.test_approvals import plain

ADA, SAM = person("ada", "quality"), person("sam", "security")


def decide(browser: Browser, decision: str = "approve", page: Answer | None = None, **typed: Any) -> Answer:
    """Open the page, fill the form in, send it."""
    path = f"/approvals/{browser.scene.id}"
    usual = {"decision": decision, "reason": "Matches delivery note 7"} | (
        {"meaning": "approval"} if decision == "approve" else {}
    )
    return browser.submit(page or browser.get(path), f"{path}/vote", **{**usual, **typed})


def test_a_signature_and_its_receipt(scene: Scene, browser: Browser) -> None:
    scene.asks()
    browser.sign_in(ADA)
    done = decide(browser)
    assert (done.status, done.location) == (303, f"https://approvals.example/approvals/{scene.id}/receipt")
    (vote,) = scene.request().votes
    assert (vote.name, vote.decision, vote.reason) == ("Ada", "approve", "Matches delivery note 7")
    assert vote.signature is not None
    receipt = plain(browser.get(f"/approvals/{scene.id}/receipt").text)
    assert "Your signature is recorded" in receipt
    assert "Approval: I have reviewed the evidence" in receipt
    assert vote.basis_sha256 in receipt


def test_a_double_click_signs_once(scene: Scene, browser: Browser) -> None:
    scene.asks()
    browser.sign_in(ADA)
    page = browser.get(f"/approvals/{scene.id}")
    assert [decide(browser, page=page).status for _ in range(3)] == [303, 303, 303]
    assert len(scene.request().votes) == 1


def test_two_people_decide_and_one_rejection_does(scene: Scene, browser: Browser, issuer: Issuer) -> None:
    scene.asks()
    browser.sign_in(ADA)
    decide(browser)
    assert scene.request().status == "PENDING"
    other = Browser(scene, issuer)
    other.sign_in(SAM)
    decide(other, "reject", reason="Nobody announced it")
    assert scene.request().status == "REJECTED"
    assert "Rejected by Sam" in plain(browser.get(f"/approvals/{scene.id}").text)


@pytest.mark.parametrize("csrf", ["", "guessed", None])
def test_a_form_that_is_not_ours_does_nothing(scene: Scene, browser: Browser, csrf: str | None) -> None:
    scene.asks()
    browser.sign_in(ADA)
    before = scene.everything_kept()
    answer = (
        decide(browser, csrf=csrf)
        if csrf is not None
        else browser.post(f"/approvals/{scene.id}/vote", {"decision": "approve"})
    )
    assert answer.status == 403
    assert "nothing was done" in plain(answer.text)
    assert scene.everything_kept() == before


def test_another_sessions_form_does_nothing(scene: Scene, browser: Browser, issuer: Issuer) -> None:
    scene.asks()
    browser.sign_in(ADA)
    other = Browser(scene, issuer)
    other.sign_in(SAM)
    foreign = other.get(f"/approvals/{scene.id}")
    assert decide(browser, page=foreign).status == 403
    assert scene.request().votes == ()


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_form_from_another_site_does_nothing_even_with_the_token(scene: Scene, browser: Browser, site: str) -> None:
    scene.asks()
    browser.sign_in(ADA)
    page = browser.get(f"/approvals/{scene.id}")
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf
    fields = {"csrf": csrf[1], "decision": "reject", "basis": asked().device.basis_sha256, "reason": "x"}
    assert browser.post(f"/approvals/{scene.id}/vote", fields, **{"sec-fetch-site": site}).status == 403
    assert scene.request().votes == ()


def test_without_a_session_a_form_is_told_so_and_lost_nowhere_else(scene: Scene, browser: Browser) -> None:
    scene.asks()
    browser.sign_in(ADA)
    page = browser.get(f"/approvals/{scene.id}")
    scene.at(NOW + 20 * MINUTE)
    answer = decide(browser, page=page)
    assert answer.status == 401
    assert f"/sign-in?back=/approvals/{scene.id}" in answer.text
    assert scene.request().votes == ()


def test_after_expiry_by_our_clock_the_open_page_decides_nothing(scene: Scene, browser: Browser) -> None:
    scene.asks(asked(rule=ruling(decide_within=600)))
    browser.sign_in(ADA)
    page = browser.get(f"/approvals/{scene.id}")
    scene.at(NOW + 10 * MINUTE)
    answer = decide(browser, page=page)
    assert answer.status == 410
    assert "Nothing was signed." in plain(answer.text)
    assert scene.request().votes == ()


def test_evidence_that_changed_is_shown_with_the_difference(scene: Scene, browser: Browser) -> None:
    scene.asks()
    browser.sign_in(ADA)
    page = browser.get(f"/approvals/{scene.id}")
    changed = asked(token="token of another try", site="Plant C")
    scene.asks(replace(changed, device=replace(changed.device, basis_sha256="c" * 64)))
    answer = decide(browser, page=page, reason="Typed at length")
    text = plain(answer.text)
    assert answer.status == 409
    assert "device.record.site Plant B Plant C" in text
    assert "Typed at length" in answer.text, "what was typed is not lost"
    assert scene.request().votes == ()
    assert decide(browser).status == 303


def test_an_invented_snapshot_shows_nothing(scene: Scene, browser: Browser) -> None:
    scene.asks()
    browser.sign_in(ADA)
    for invented in ("0" * 64, "x" * 3000, "#"):
        assert decide(browser, basis="0" * 64, snapshot=invented).status == 409


def test_who_entered_the_device_cannot_even_by_hand(scene: Scene, browser: Browser) -> None:
    scene.asks(asked(entered_by="ada"))
    browser.sign_in(ADA)
    csrf = re.search(r'name="csrf" value="([^"]+)"', browser.get(f"/approvals/{scene.id}").text)
    assert csrf
    fields = {
        "csrf": csrf[1],
        "decision": "approve",
        "meaning": "approval",
        "reason": "x",
        "basis": asked().device.basis_sha256,
    }
    assert browser.post(f"/approvals/{scene.id}/vote", fields).status == 403
    assert scene.request().votes == ()


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({"decision": "maybe"}, 400),
        ({"meaning": "because"}, 400),
        ({"reason": ""}, 400),
        ({"reason": "x" * 2001}, 400),
        ({"reason": "x" * 70_000}, 400),
        ({"delegation": "0" * 32}, 403),
    ],
)
def test_what_a_form_of_ours_would_never_send(
    scene: Scene, browser: Browser, typed: dict[str, str], status: int
) -> None:
    scene.asks(asked(rule=ruling(reason_required=True)))
    browser.sign_in(ADA)
    page = browser.get(f"/approvals/{scene.id}")
    fields = {"decision": "approve", "meaning": "approval", "reason": "x", **typed}
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf
    sent = {"csrf": csrf[1], "basis": asked().device.basis_sha256, **fields}
    assert browser.post(f"/approvals/{scene.id}/vote", sent).status == status
    assert scene.request().votes == ()


def test_a_fresh_sign_in_comes_back_to_the_same_page_with_nothing_decided(scene: Scene, browser: Browser) -> None:
    scene.asks(asked(rule=ruling(fresh_sign_in=True)))
    browser.sign_in(replace(ADA, signed_in_at=NOW - HOUR))
    shown = browser.get(f"/approvals/{scene.id}").text
    assert "and sign</button>" not in shown
    assert f"/sign-in?fresh=1&amp;back=/approvals/{scene.id}" in shown
    back = browser.sign_in(replace(ADA, signed_in_at=NOW), fresh="1", back=f"/approvals/{scene.id}")
    assert back.location.endswith(f"/approvals/{scene.id}")
    assert scene.request().votes == ()
    assert decide(browser).status == 303


def test_a_sign_in_that_went_stale_over_the_page_signs_nothing(scene: Scene, browser: Browser) -> None:
    scene.asks(asked(rule=ruling(fresh_sign_in=True)))
    browser.sign_in(replace(ADA, signed_in_at=NOW))
    page = browser.get(f"/approvals/{scene.id}")
    scene.at(NOW + 6 * MINUTE)
    answer = decide(browser, page=page)
    assert answer.status == 401
    assert "Sign in again" in plain(answer.text)
    assert scene.request().votes == ()


def test_several_are_read_once_more_and_signed_one_by_one(scene: Scene, browser: Browser) -> None:
    ids = [scene.asks(asked(device, run=device, token=device)) for device in ("pump-0001", "pump-0002")]
    browser.sign_in(ADA)
    inbox = browser.get("/approvals")
    read = browser.submit(inbox, "/together", ticked=ids)
    assert read.status == 200
    assert all(scene.request(identity).votes == () for identity in ids), "reading signs nothing"
    done = browser.submit(read, "/together/vote", decision="approve", meaning="approval", reason="One delivery")
    assert done.status == 200
    assert done.text.count(">signed<") == 2
    signatures = {scene.request(identity).votes[0].signature for identity in ids}
    assert len(signatures) == 2


def test_a_fresh_sign_in_on_the_way_keeps_the_ticks_and_decides_nothing(scene: Scene, browser: Browser) -> None:
    ids = [
        scene.asks(asked(device, run=device, token=device, rule=ruling(fresh_sign_in=True)))
        for device in ("pump-0001", "pump-0002")
    ]
    browser.sign_in(replace(ADA, signed_in_at=NOW - HOUR))
    stale = browser.submit(browser.get("/approvals"), "/together", ticked=ids)
    assert 'action="/together/vote"' not in stale.text
    link = re.search(r'href="(/sign-in\?[^"]+)"', stale.text)
    assert link
    query = dict(parse_qsl(urlsplit(unescape(link[1])).query))
    back = browser.sign_in(replace(ADA, signed_in_at=NOW), **query)
    returned = urlsplit(back.location)
    assert returned.path.endswith("/together")
    again = browser.get("/together", **dict(parse_qsl(returned.query)))
    assert all(scene.request(identity).votes == () for identity in ids)
    done = browser.submit(again, "/together/vote", decision="approve", meaning="approval", reason="One delivery")
    assert done.text.count(">signed<") == 2


def test_an_address_without_ticks_is_told(browser: Browser) -> None:
    browser.sign_in(ADA)
    assert browser.get("/together").status == 400


def test_what_is_not_alike_is_not_decided_together(scene: Scene, browser: Browser) -> None:
    ids = [
        scene.asks(asked("pump-0001", run="a", token="a")),
        scene.asks(asked("pump-0002", run="b", token="b", rule=ruling(rule_id="another"))),
    ]
    browser.sign_in(ADA)
    read = browser.submit(browser.get("/approvals"), "/together", ticked=ids)
    assert "cannot be decided in one act" in plain(read.text)
    assert "/together/vote" not in read.text
    csrf = re.search(r'name="csrf" value="([^"]+)"', read.text)
    assert csrf
    ballots = [f"{identity} {scene.request(identity).basis_sha256}" for identity in ids]
    forced = {"csrf": csrf[1], "decision": "approve", "meaning": "approval", "reason": "x", "ballot": ballots}
    assert browser.post("/together/vote", forced).status == 409
    assert all(scene.request(identity).votes == () for identity in ids)


def test_nothing_ticked_is_told(scene: Scene, browser: Browser) -> None:
    for device in ("pump-0001", "pump-0002"):
        scene.asks(asked(device, run=device, token=device))
    browser.sign_in(ADA)
    assert browser.submit(browser.get("/approvals"), "/together").status == 400


def test_a_delegate_signs_for_somebody_and_the_page_says_so(scene: Scene, browser: Browser, issuer: Issuer) -> None:
    scene.asks()
    browser.sign_in(ADA)
    made = browser.submit(
        browser.get("/delegations"), "/delegations", group="quality", to="zoe", until="2026-11-30", reason="On holiday"
    )
    assert made.status == 303, plain(made.text)
    delegate = Browser(scene, issuer)
    delegate.sign_in(person("zoe", "finance"))
    page = delegate.get(f"/approvals/{scene.id}")
    assert "For Ada , quality" in plain(page.text)
    (identity,) = re.findall(r'name="delegation" value="(\w+)"', page.text)[:1]
    assert decide(delegate, page=page, delegation=identity).status == 303
    assert "On behalf of Ada , quality" in plain(delegate.get(f"/approvals/{scene.id}/receipt").text)
    shown = browser.get("/delegations")
    ended = browser.submit(shown, re.findall(r'action="(/delegations/\w+/end)"', shown.text)[0], reason="Back again")
    assert ended.status == 303
    assert "There are no current delegations" in browser.get("/delegations").text


@pytest.mark.parametrize("until", ["", "tomorrow", "2020-01-01", "2126-01-01"])
def test_a_delegation_that_cannot_be_is_told(browser: Browser, until: str) -> None:
    browser.sign_in(ADA)
    answer = browser.submit(
        browser.get("/delegations"), "/delegations", group="quality", to="zoe", until=until, reason="On holiday"
    )
    assert 400 <= answer.status < 500
    assert "Nothing was changed" in plain(answer.text)
