"""Signing in to the pages: who gets a session, how long it lasts, and every way in which somebody must not get one."""

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from functions.approval.approvals_web.sign_in.attempt import one_of_ours
from functions.shared.vault import Vault
from tests import aws_environment
from tests.approvals import HOUR, MINUTE, NOW, person
from tests.functions.approval.conftest import Scene
from tests.functions.approval.pages.conftest import (
    OTHER_KEY,
    Browser,
    Issuer,
    Sign,
    signed,
    signed_with_the_public_key_as_a_secret,
    unsigned,
)
from workflows.errors import GatehouseError

ADA = person("ada", "quality")


def trail(scene: Scene) -> list[dict[str, Any]]:
    s3, bucket = aws_environment.client("s3"), scene.environment["EVIDENCE_BUCKET"]
    keys = sorted(one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="trail/").get("Contents", []))
    return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]


def sessions(scene: Scene) -> list[Any]:
    found = aws_environment.client("dynamodb").scan(TableName=scene.environment["SESSIONS_TABLE"])["Items"]
    return [one for one in found if "csrf" in one]


def test_a_visitor_is_sent_to_the_provider_and_comes_back_to_the_page_they_wanted(
    scene: Scene, browser: Browser, issuer: Issuer
) -> None:
    scene.asks()
    wanted = f"/approvals/{scene.id}"
    sent_away = browser.get(wanted)
    assert (sent_away.status, sent_away.location) == (303, f"https://approvals.example/sign-in?back={wanted}")
    asked = browser.begin(back=wanted)
    assert asked["response_type"] == "code"
    assert asked["scope"] == "openid email profile"
    assert asked["redirect_uri"] == "https://approvals.example/sign-in/callback"
    issuer.authenticates(ADA, asked["nonce"])
    back = browser.get("/sign-in/callback", code="code-1", state=asked["state"])
    assert (back.status, back.location) == (303, f"https://approvals.example{wanted}")
    assert browser.get(wanted).status == 200
    assert [(one["type"], one["actor"], one["result"]) for one in trail(scene)] == [("sign_in", "ada", "succeeded")]


def test_the_code_is_only_good_with_the_secret_that_began_it(browser: Browser, issuer: Issuer) -> None:
    asked = browser.begin()
    issuer.authenticates(ADA, asked["nonce"])
    browser.get("/sign-in/callback", code="code-1", state=asked["state"])
    digest = hashlib.sha256(issuer.redeemed["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]
    assert asked["code_challenge_method"] == "S256"
    assert "client_secret" not in issuer.redeemed


def test_cookies_are_for_us_alone(browser: Browser) -> None:
    done = browser.sign_in(ADA)
    session = next(line for line in done.cookies if line.startswith("__Host-session="))
    assert {part.strip().lower() for part in session.split(";")[1:]} == {"path=/", "secure", "httponly", "samesite=lax"}


def test_the_table_does_not_hold_what_the_browser_has(scene: Scene, browser: Browser) -> None:
    browser.sign_in(ADA)
    assert browser.cookies["__Host-session"] not in str(sessions(scene))


@pytest.mark.parametrize(
    ("sign", "claims"),
    [
        pytest.param(unsigned, {}, id="alg none"),
        pytest.param(signed_with_the_public_key_as_a_secret, {}, id="public key as secret"),
        pytest.param(lambda claims: signed(claims, OTHER_KEY), {}, id="foreign key"),
        pytest.param(lambda claims: signed(claims)[:-8] + "AAAAAAAA", {}, id="signature changed"),
        pytest.param(lambda _: "not a token", {}, id="no token"),
        pytest.param(signed, {"iss": "https://evil.example"}, id="wrong issuer"),
        pytest.param(signed, {"aud": "another-app"}, id="wrong audience"),
        pytest.param(signed, {"aud": ["gatehouse-tests", "other"], "azp": "other"}, id="another party's"),
        pytest.param(signed, {"exp": int(NOW.timestamp())}, id="expired"),
        pytest.param(signed, {"exp": None}, id="never expires"),
        pytest.param(signed, {"nonce": "of another sign-in"}, id="replayed"),
        pytest.param(signed, {"nonce": None}, id="no nonce"),
        pytest.param(signed, {"token_use": "access"}, id="access token"),
        pytest.param(signed, {"sub": ""}, id="nobody"),
    ],
)
def test_a_token_that_is_not_right_in_every_respect_signs_nobody_in(
    scene: Scene, browser: Browser, issuer: Issuer, sign: Sign, claims: dict[str, Any]
) -> None:
    issuer.sign, issuer.claims = sign, claims
    answer = browser.sign_in(ADA)
    assert answer.status == 401
    assert "Sign in" in answer.text
    assert sessions(scene) == []
    assert "__Host-session" not in browser.cookies
    assert [(one["category"], one["result"], one["actor"]) for one in trail(scene)] == [
        ("sign_in", "refused", "192.0.2.1")
    ]


def test_nobody_is_signed_in_by_somebody_elses_link(scene: Scene, browser: Browser, issuer: Issuer) -> None:
    """Login CSRF: the attacker's code and state, in a browser that began nothing, or something else."""
    attacker = Browser(scene, issuer)
    asked = attacker.begin()
    issuer.authenticates(person("mal", "quality"), asked["nonce"])
    assert browser.get("/sign-in/callback", code="code-1", state=asked["state"]).status == 401
    browser.begin()
    assert browser.get("/sign-in/callback", code="code-1", state=asked["state"]).status == 401
    assert sessions(scene) == []
    assert issuer.redeemed == {}


@pytest.mark.parametrize("cookie", ["", "rubbish", "e30", "eyJzdGF0ZSI6ICJ4In0"])
def test_a_cookie_that_we_did_not_make_is_none(browser: Browser, cookie: str) -> None:
    browser.cookies["__Host-sign-in"] = cookie
    assert browser.get("/sign-in/callback", code="c", state="").status == 401


def test_the_providers_no_is_told_as_text(browser: Browser, issuer: Issuer) -> None:
    issuer.refuses = True
    answer = browser.sign_in(ADA)
    assert answer.status == 401
    assert "invalid_grant" in answer.text
    assert "<b>" not in answer.text
    asked = browser.begin()
    said = browser.get("/sign-in/callback", error="access_denied<script>", state=asked["state"])
    assert said.status == 401
    assert "access_denied&lt;script&gt;" in said.text


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/approvals/../sign-out", "/api/votes",
     "/approvals\r\nSet-Cookie: a=b", "/approvals@evil.example", "approvals"],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_after_signing_in(elsewhere: str) -> None:
    assert one_of_ours(elsewhere) == "/approvals"


@pytest.mark.parametrize(
    "ours",
    [
        "/approvals",
        "/approvals/0123abcd",
        "/approvals?tab=decided",
        "/delegations",
        "/search?device=a&from=2026-01-01",
        "/together?ticked=0123abcd.4567cdef",
    ],
)
def test_our_own_pages_are_kept(ours: str) -> None:
    assert one_of_ours(ours) == ours


def test_a_provider_that_is_another_or_not_protected_is_not_asked_further(browser: Browser, issuer: Issuer) -> None:
    from functions.approval.approvals_web.sign_in import provider

    issuer.document["issuer"] = "https://evil.example"
    assert browser.get("/sign-in").status == 503
    issuer.document |= {"issuer": "https://issuer.example", "token_endpoint": "http://issuer.example/token"}
    provider.forget()
    assert browser.get("/sign-in").status == 503
    assert set(issuer.asked) == {"/.well-known/openid-configuration"}


def test_changed_keys_lock_nobody_out_and_forged_ones_do_not_make_us_ask_all_the_time(
    browser: Browser, issuer: Issuer, scene: Scene
) -> None:
    assert browser.sign_in(ADA).status == 303
    issuer.sign = lambda claims: signed(claims, OTHER_KEY, kid="two")
    for _ in range(5):
        assert browser.sign_in(ADA).status == 401
    assert issuer.asked.count("/keys") == 1
    scene.at(NOW + 2 * MINUTE)
    OTHER_KEY_TWO = type(OTHER_KEY).import_key({**OTHER_KEY.as_dict(private=True), "kid": "two"})  # noqa: N806
    issuer.keys = [OTHER_KEY_TWO]
    assert browser.sign_in(ADA).status == 303
    assert issuer.asked.count("/keys") == 2


def test_a_session_ends_when_nobody_is_there(scene: Scene, browser: Browser) -> None:
    browser.sign_in(ADA)
    for minute in (10, 20, 30):
        scene.at(NOW + minute * MINUTE)
        assert browser.get("/approvals").status == 200
    scene.at(NOW + 45 * MINUTE)
    assert browser.get("/approvals").status == 303
    assert sessions(scene) == []


def test_a_page_that_asks_by_itself_keeps_no_session_awake(scene: Scene, browser: Browser) -> None:
    scene.asks()
    browser.sign_in(ADA)
    for minute in range(1, 15):
        scene.at(NOW + minute * MINUTE)
        assert browser.get(f"/approvals/{scene.id}/state").status == 200
    scene.at(NOW + 15 * MINUTE)
    assert browser.get(f"/approvals/{scene.id}/state").status == 401


def test_a_session_ends_with_its_token_however_busy(scene: Scene, browser: Browser) -> None:
    browser.sign_in(ADA)
    for minute in range(10, 60, 10):
        scene.at(NOW + minute * MINUTE)
        assert browser.get("/approvals").status == 200
    scene.at(NOW + HOUR)
    assert browser.get("/approvals").status == 303


def test_a_long_lived_token_does_not_make_a_long_session(scene: Scene, browser: Browser, issuer: Issuer) -> None:
    issuer.claims = {"exp": int((NOW + timedelta(days=30)).timestamp())}
    browser.sign_in(ADA)
    for minute in range(10, 480, 10):
        scene.at(NOW + minute * MINUTE)
        assert browser.get("/approvals").status == 200
    scene.at(NOW + 8 * HOUR)
    assert browser.get("/approvals").status == 303


def test_signing_out_ends_the_session_for_whoever_has_its_cookie(scene: Scene, browser: Browser) -> None:
    browser.sign_in(ADA)
    stolen = dict(browser.cookies)
    page = browser.get("/approvals")
    out = browser.submit(page, "/sign-out")
    assert out.status == 200
    assert "https://issuer.example/leave?client_id=gatehouse-tests" in out.text
    assert browser.cookies == {}
    browser.cookies = stolen
    assert browser.get("/approvals").status == 303


def test_signing_out_takes_a_form_of_ours(scene: Scene, browser: Browser) -> None:
    browser.sign_in(ADA)
    assert browser.post("/sign-out", {"csrf": "guessed"}).status == 403
    assert browser.get("/approvals").status == 200


def test_signing_in_again_leaves_no_session_behind(scene: Scene, browser: Browser) -> None:
    browser.sign_in(ADA)
    first = browser.cookies["__Host-session"]
    browser.sign_in(ADA)
    assert browser.cookies["__Host-session"] != first
    assert len(sessions(scene)) == 1


def test_no_trail_no_sign_in(scene: Scene, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise GatehouseError("the bucket does not take it")

    monkeypatch.setattr(Vault, "keep", full)
    assert browser.sign_in(ADA).status == 503
    assert sessions(scene) == []


def test_a_fresh_sign_in_is_asked_for_where_it_is_wanted(browser: Browser) -> None:
    assert "prompt" not in browser.begin()
    fresh = browser.begin(fresh="1")
    assert (fresh["prompt"], fresh["max_age"]) == ("login", "0")
