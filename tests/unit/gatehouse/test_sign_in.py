"""Kept sign-ins: who acts, that only its owner can read them, and what happens when they end."""

import json
import os
import stat
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gatehouse.approval import sessions
from gatehouse.approval.sign_in.provider import Tokens
from gatehouse.errors import NotPermitted
from gatehouse.stack.target import Target
from workflows.errors import BadInput

ADA, GRACE = "ada@example.com", "grace@example.com"


class Pages:
    """The local cloud's sign-in page: signs in whoever says the password, for `lives` seconds."""

    def __init__(self) -> None:
        self.lives = 3600

    def sign_in(self, provider: Any, username: str, password: str) -> Tokens:
        assert provider.client_id == "command-line"
        if password != "right":
            raise NotPermitted(f"{username} was not signed in: Incorrect")
        claims = {"sub": username, "email": username, "exp": int(time.time()) + self.lives}
        return Tokens(id_token="e30.e30.sig", refresh_token="refresh", claims=claims)


@pytest.fixture
def pages(target: Target, monkeypatch: pytest.MonkeyPatch) -> Pages:
    found = Pages()
    target.outputs["CommandLineClientId"] = "command-line"
    monkeypatch.setattr(target, "local", target.local or SimpleNamespace(home=os.environ["GATEHOUSE_HOME"]))
    monkeypatch.setattr(
        sessions, "Provider", lambda issuer, client_id: SimpleNamespace(issuer=issuer, client_id=client_id)
    )
    monkeypatch.setattr("gatehouse.approval.sign_in.local.sign_in", found.sign_in)
    monkeypatch.setattr(sessions, "_usable_keyring", lambda: None)
    return found


def test_sign_in_is_kept_for_its_owner_only(target: Target, pages: Pages, tmp_path: Path) -> None:
    sessions.sign_in(target, ADA, "right")
    assert sessions.session(target, ADA).username == ADA
    assert sessions.session(target, None).username == ADA
    (file,) = tmp_path.rglob("sign-ins/*/*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_of_several_people_one_has_to_be_named(target: Target, pages: Pages) -> None:
    sessions.sign_in(target, ADA, "right")
    sessions.sign_in(target, GRACE, "right")
    with pytest.raises(BadInput, match="--as"):
        sessions.session(target, None)
    assert sessions.session(target, GRACE).username == GRACE
    assert sessions.sign_out(target, GRACE)
    assert not sessions.sign_out(target, GRACE)
    assert sessions.session(target, None).username == ADA


def test_wrong_password_and_nobody_signed_in_are_told_apart(target: Target, pages: Pages) -> None:
    with pytest.raises(NotPermitted, match="Nobody is signed in"):
        sessions.session(target, None)
    with pytest.raises(NotPermitted, match="was not signed in: Incorrect"):
        sessions.sign_in(target, ADA, "wrong")
    with pytest.raises(NotPermitted, match="is not signed in"):
        sessions.session(target, ADA)


def test_a_password_is_for_the_local_cloud_only(target: Target, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """On AWS it is typed on the provider's own page: a sign-in by Cognito's API could change its person's name."""
    monkeypatch.setattr(target, "local", None)
    with pytest.raises(BadInput, match="only on the provider's own page"):
        sessions.sign_in(target, ADA, "right")


def test_a_sign_in_that_an_earlier_version_kept_is_ended(target: Target, pages: Pages, tmp_path: Path) -> None:
    sessions.sign_in(target, ADA, "right")
    (file,) = tmp_path.rglob("sign-ins/*/*.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "client_id": "", "expires_at": 0}))
    with pytest.raises(NotPermitted, match="has ended"):
        sessions.session(target, ADA)


def test_spoilt_file_asks_to_sign_in_again(target: Target, pages: Pages, tmp_path: Path) -> None:
    sessions.sign_in(target, ADA, "right")
    (file,) = tmp_path.rglob("sign-ins/*/*.json")
    file.write_text("{}")
    with pytest.raises(NotPermitted, match="cannot be read"):
        sessions.session(target, ADA)
