"""Signing in with a browser or a device code, against a provider on loopback: what is believed, and what an attacker brings."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import typer
from joserfc.jwk import ECKey
from typer.testing import CliRunner

from gatehouse.approval import sessions
from gatehouse.approval.sign_in import browser, device
from gatehouse.approval.sign_in.provider import Provider, Tokens
from gatehouse.cli import app
from gatehouse.errors import AnsweredNo, NotPermitted, Unreachable
from gatehouse.stack.target import Target
from tests import oidc_issuer
from tests.oidc_issuer import CLIENT, Issuer
from workflows.errors import BadInput


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with oidc_issuer.running() as running:
        yield running


@pytest.fixture
def provider(issuer: Issuer) -> Provider:
    return Provider(issuer.url, CLIENT)


@pytest.fixture
def ports() -> tuple[int, ...]:
    """Free ones, so that tests do not meet each other."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return (probe.getsockname()[1],)


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def get(address: str) -> tuple[int, str, dict[str, str]]:
    """As a browser does, which looks ``localhost`` up and keeps the name in the Host header."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}", headers={"Host": parts.netloc})
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), {name.lower(): value for name, value in answer.getheaders()}


def where(issuer: Issuer, address: str) -> str:
    """Where the provider sends a browser back to."""
    assert address.startswith(f"{issuer.url}/authorize?")
    return issuer.authorize(query(address))


class Person:
    """Opens the page and signs in, in a thread of its own, as a browser would be."""

    def __init__(self, act: Callable[[str], Any]) -> None:
        self._act = act
        self.seen: list[Any] = []

    def __call__(self, address: str) -> None:
        threading.Thread(target=lambda: self.seen.append(self._act(address)), daemon=True).start()


def by_browser(issuer: Issuer, provider: Provider, ports: tuple[int, ...]) -> Tokens:
    return browser.sign_in(provider, Person(lambda address: get(where(issuer, address))), within=10, ports=ports)


def test_a_person_signs_in_with_a_browser(issuer: Issuer, provider: Provider, ports: tuple[int, ...]) -> None:
    person = Person(lambda address: get(where(issuer, address)))
    tokens = browser.sign_in(provider, person, within=10, ports=ports)
    assert (tokens.claims["sub"], tokens.refresh_token) == ("ada-1", "refresh-1")
    until = time.monotonic() + 5
    while not person.seen and time.monotonic() < until:
        threading.Event().wait(0.01)
    ((status, page, headers),) = person.seen
    assert (status, "You are signed in" in page) == (200, True)
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
    (asked,) = issuer.asked
    assert "client_secret" not in asked


def test_what_the_provider_is_asked(issuer: Issuer, provider: Provider) -> None:
    asked = query(browser.Attempt(provider, 8477).address)
    assert (asked["response_type"], asked["scope"], asked["prompt"]) == ("code", "openid email profile", "login")
    assert (asked["redirect_uri"], asked["code_challenge_method"]) == ("http://localhost:8477/callback", "S256")
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    again = query(browser.Attempt(provider, 8477).address)
    assert all(asked[name] != again[name] for name in ("state", "nonce", "code_challenge"))


SPOILT: dict[str, tuple[Callable[[Issuer], Any], str]] = {
    "another key": (lambda it: setattr(it, "signing_key", ECKey.generate_key("P-256")), "signature"),
    "alg none": (lambda it: setattr(it, "alg", "none"), "signature"),
    "a public key as a secret": (lambda it: setattr(it, "alg", "HS256"), "signature"),
    "another issuer": (lambda it: it.claims.update(iss="https://evil.example"), "iss"),
    "another client": (lambda it: it.claims.update(aud="another"), "aud"),
    "given to another client": (lambda it: it.claims.update(aud=[CLIENT, "another"], azp="another"), "azp"),
    "expired": (lambda it: it.claims.update(exp=int(time.time()) - 120), "expired"),
    "no expiry": (lambda it: it.claims.update(exp=None), "expired"),
    "of the future": (lambda it: it.claims.update(iat=int(time.time()) + 600), "future"),
    "another sign-in's": (lambda it: it.claims.update(nonce="replayed"), "nonce"),
    "nobody's": (lambda it: it.claims.update(sub=""), "has no subject"),
    "an access token": (lambda it: it.claims.update(token_use="access"), "not an ID token"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_token_that_does_not_hold_signs_nobody_in(
    name: str, issuer: Issuer, provider: Provider, ports: tuple[int, ...]
) -> None:
    spoil, said = SPOILT[name]
    spoil(issuer)
    with pytest.raises(NotPermitted, match=said):
        by_browser(issuer, provider, ports)


def test_an_answer_to_another_sign_in_is_turned_away_and_ends_nothing(
    issuer: Issuer, provider: Provider, ports: tuple[int, ...]
) -> None:
    """A page of somebody else's may send the browser to our port: with a code of theirs, or an error to annoy."""
    turned_away: list[int] = []

    def act(address: str) -> Any:
        ours = where(issuer, address)
        back = browser.Attempt(provider, ports[0]).redirect_uri
        turned_away.extend(
            get(forged)[0]
            for forged in (
                f"{back}?code=theirs&state=guessed",
                f"{back}?code=theirs",
                f"{back}?error=access_denied&state=x",
                f"{back}?code=a&state={query(ours)['state']}&state=twice",
                ours.replace("/callback", "/other"),
                ours.replace("localhost", "evil.example"),
            )
        )
        return get(ours)

    assert browser.sign_in(provider, Person(act), within=10, ports=ports).claims["sub"] == "ada-1"
    assert turned_away == [400, 400, 400, 400, 404, 404]


def test_a_person_who_says_no(issuer: Issuer, provider: Provider, ports: tuple[int, ...]) -> None:
    def act(address: str) -> Any:
        asked = query(address)
        return get(f"{asked['redirect_uri']}?error=access_denied&state={asked['state']}")

    with pytest.raises(NotPermitted, match="access_denied"):
        browser.sign_in(provider, Person(act), within=10, ports=ports)
    assert issuer.asked == []


def test_the_answer_of_another_provider_is_not_taken(
    issuer: Issuer, provider: Provider, ports: tuple[int, ...]
) -> None:
    issuer.authorize_answers = {"iss": "https://evil.example"}
    with pytest.raises(NotPermitted, match=r"evil\.example"):
        by_browser(issuer, provider, ports)
    assert issuer.asked == [], "the code was sent nowhere"


def test_nobody_signs_in(provider: Provider, ports: tuple[int, ...]) -> None:
    with pytest.raises(AnsweredNo, match=r"within 0\.01 seconds"):
        browser.sign_in(provider, lambda _: None, within=0.01, ports=ports)


def test_the_next_port_is_taken_and_none_is_said(issuer: Issuer, provider: Provider, ports: tuple[int, ...]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert by_browser(issuer, provider, (taken, *ports)).claims["sub"] == "ada-1"
        with pytest.raises(Unreachable, match="--no-browser"):
            by_browser(issuer, provider, (taken,))


def test_it_listens_on_this_machine_only_and_not_for_longer(
    issuer: Issuer, provider: Provider, ports: tuple[int, ...]
) -> None:
    own = socket.gethostbyname(socket.gethostname())
    own = "127.0.0.2" if own.startswith("127.") else own
    reached: list[int] = []

    def act(address: str) -> Any:
        with socket.socket() as probe:
            reached.append(probe.connect_ex((own, ports[0])))
        return get(where(issuer, address))

    browser.sign_in(provider, Person(act), within=10, ports=ports)
    assert reached != [0]
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", ports[0])) != 0


def test_elsewhere_the_address_or_the_code_is_pasted(issuer: Issuer, provider: Provider) -> None:
    assert browser.sign_in_elsewhere(provider, lambda shown: f"  {where(issuer, shown)}\n").claims["sub"] == "ada-1"
    assert (
        browser.sign_in_elsewhere(provider, lambda shown: query(where(issuer, shown))["code"]).claims["sub"] == "ada-1"
    )


def test_what_is_pasted_is_of_this_sign_in(issuer: Issuer, provider: Provider) -> None:
    other = browser.Attempt(provider, 8477).address
    with pytest.raises(BadInput, match="another sign-in"):
        browser.sign_in_elsewhere(provider, lambda _: where(issuer, other))
    with pytest.raises(NotPermitted, match="invalid_grant"):
        browser.sign_in_elsewhere(provider, lambda _: query(where(issuer, other))["code"])
    with pytest.raises(BadInput, match="Nothing was pasted"):
        browser.sign_in_elsewhere(provider, lambda _: " ")


class Waiting:
    """Time passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)


def by_code(provider: Provider, time_: Waiting) -> Tokens:
    shown: list[device.Grant] = []
    tokens = device.sign_in(provider, shown.append, pause=time_.pause, clock=lambda: time_.now)
    assert shown[0].user_code == "WDJB-MJHT"
    return tokens


def test_a_code_is_asked_for_until_it_was_used(issuer: Issuer, provider: Provider) -> None:
    issuer.refusals = ["authorization_pending", "slow_down", "authorization_pending"]
    waiting = Waiting()
    assert by_code(provider, waiting).claims["sub"] == "ada-1"
    assert waiting.pauses == [5, 5, 10, 10]


@pytest.mark.parametrize(
    ("refusals", "expected"),
    [(["access_denied"], NotPermitted), (["expired_token"], AnsweredNo), (["authorization_pending"] * 99, AnsweredNo)],
)
def test_a_code_that_brings_nothing(
    refusals: list[str], expected: type[Exception], issuer: Issuer, provider: Provider
) -> None:
    issuer.refusals = refusals
    waiting = Waiting()
    with pytest.raises(expected):
        by_code(provider, waiting)
    assert waiting.now <= 65


def test_a_provider_without_device_codes_is_told_of_plainly(issuer: Issuer) -> None:
    issuer.offers_device_code = False
    with pytest.raises(BadInput, match="Cognito does not"):
        device.sign_in(Provider(issuer.url, CLIENT), lambda _: None)


def test_a_provider_is_who_it_says_and_speaks_https(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="not https"):
        Provider("http://issuer.example", CLIENT)
    with pytest.raises(BadInput, match="not an OpenID Connect provider"):
        Provider(f"{issuer.url}/nothing", CLIENT)
    issuer.calls_itself = "https://another.example"
    with pytest.raises(BadInput, match=r"names another issuer.*another.example"):
        Provider(issuer.url, CLIENT)
    issuer.calls_itself = issuer.url
    usual = issuer.discovery()
    monkeypatch.setattr(issuer, "discovery", lambda: usual | {"token_endpoint": "http://evil.example/token"})
    with pytest.raises(BadInput, match="sent only over https"):
        Provider(issuer.url, CLIENT)


def test_a_provider_that_is_down(provider: Provider, issuer: Issuer) -> None:
    issuer.shutdown()
    issuer.server_close()
    with pytest.raises(Unreachable):
        provider.token(grant_type="x")


@pytest.fixture
def signed_in(target: Target, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> Target:
    """The stack with this provider."""
    monkeypatch.setattr(sessions, "_usable_keyring", lambda: None)
    target.outputs.update(OidcIssuer=issuer.url, CommandLineClientId=CLIENT)
    return target


def gatehouse(*arguments: str, stdin: str | None = None) -> Any:
    return CliRunner().invoke(app, ["--aws", "approvals", *arguments], input=stdin)


def test_the_command_opens_a_browser_and_keeps_the_sign_in(
    signed_in: Target, issuer: Issuer, ports: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "PORTS", ports)
    monkeypatch.setattr("webbrowser.open", Person(lambda address: get(where(issuer, address))))
    done = gatehouse("login")
    assert (done.exit_code, "ada@example.com is signed in" in done.stderr) == (0, True), done.output
    kept = sessions.session(signed_in, None)
    assert (kept.username, kept.subject, kept.client_id) == ("ada@example.com", "ada-1", CLIENT)


def test_the_command_without_a_browser_takes_what_is_pasted(
    signed_in: Target, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address goes to stderr, and the result alone to stdout."""
    shown: list[str] = []

    def paste(prompt: str, **_: Any) -> str:
        return where(issuer, shown[-1])

    echo = typer.echo

    def show(text: str, **more: Any) -> None:
        shown.append(text)
        echo(text, **more)

    monkeypatch.setattr("typer.echo", show)
    monkeypatch.setattr("typer.prompt", paste)
    done = gatehouse("login", "--no-browser", "--json")
    assert done.exit_code == 0, done.output
    assert msgspec.json.decode(done.stdout)["username"] == "ada@example.com"


def test_the_command_with_a_device_code(signed_in: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(device.sign_in, "__kwdefaults__", {"pause": lambda _: None, "clock": time.monotonic})
    done = gatehouse("login", "--device-code")
    assert (done.exit_code, "WDJB-MJHT" in done.stderr) == (0, True), done.output


@pytest.mark.parametrize(
    "arguments",
    [("--username", "a@b", "--no-browser"), ("--username", "a@b", "--device-code"), ("--no-browser", "--device-code")],
)
def test_one_way_of_signing_in_at_a_time(signed_in: Target, arguments: tuple[str, ...]) -> None:
    assert gatehouse("login", *arguments).exit_code == 2


def test_a_sign_in_by_browser_is_renewed_at_the_provider_and_stays_the_same_persons(
    signed_in: Target, issuer: Issuer, provider: Provider, ports: tuple[int, ...]
) -> None:
    issuer.claims = {"exp": int(time.time()) + 10}
    sessions.keep(signed_in, by_browser(issuer, provider, ports), CLIENT)
    issuer.claims = {"exp": int(time.time()) + 3000}
    renewed = sessions.session(signed_in, None)
    assert renewed.expires_at > time.time() + 2000
    assert renewed.refresh_token == "refresh-1"
    issuer.claims = {"exp": int(time.time()) + 10, "sub": "ada-1"}
    sessions.keep(signed_in, by_browser(issuer, provider, ports), CLIENT)
    issuer.claims = {"sub": "mallory"}
    with pytest.raises(NotPermitted, match="belongs to another person"):
        sessions.session(signed_in, None)


def test_a_renewal_that_is_refused_asks_to_sign_in_again(
    signed_in: Target, issuer: Issuer, provider: Provider, ports: tuple[int, ...]
) -> None:
    issuer.claims = {"exp": int(time.time()) + 10}
    sessions.keep(signed_in, by_browser(issuer, provider, ports), CLIENT)
    issuer.refusals = ["invalid_grant"]
    with pytest.raises(NotPermitted, match="gatehouse approvals login"):
        sessions.session(signed_in, None)


def test_no_token_and_no_code_is_left_in_the_folder_s_names(
    signed_in: Target, issuer: Issuer, provider: Provider, ports: tuple[int, ...], tmp_path: Path
) -> None:
    sessions.keep(signed_in, by_browser(issuer, provider, ports), CLIENT)
    (file,) = tmp_path.rglob("sign-ins/*/*.json")
    assert file.stat().st_mode & 0o777 == 0o600
