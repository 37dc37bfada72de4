"""Kept sign-ins: who acts, that only its owner can read them, and what happens when they end."""

import base64
import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gatehouse import sign_in
from gatehouse.errors import NotPermitted
from gatehouse.target import Target
from workflows.errors import BadInput

ADA, GRACE = "ada@example.com", "grace@example.com"


def token(lives: int) -> str:
    claims = json.dumps({"exp": int(time.time()) + lives}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.sig"


class Cognito:
    """Signs in whoever says the password, for `lives` seconds."""

    def __init__(self, lives: int = 3600) -> None:
        self.lives = lives
        self.flows: list[str] = []

    def initiate_auth(self, *, ClientId: str, AuthFlow: str, AuthParameters: dict[str, str]) -> dict[str, Any]:  # noqa: N803
        assert ClientId == "client"
        self.flows.append(AuthFlow)
        if AuthParameters.get("PASSWORD", "right") != "right":
            raise ClientError({"Error": {"Code": "NotAuthorizedException", "Message": "Incorrect."}}, "InitiateAuth")
        if AuthParameters.get("USERNAME") == "new@example.com":
            return {"ChallengeName": "NEW_PASSWORD_REQUIRED"}
        refresh = {"RefreshToken": "refresh"} if AuthFlow == "USER_PASSWORD_AUTH" else {}
        return {"AuthenticationResult": {"IdToken": token(self.lives), **refresh}}


@pytest.fixture
def cognito(target: Target, monkeypatch: pytest.MonkeyPatch) -> Cognito:
    found = Cognito()
    target.outputs["UserPoolClientId"] = "client"
    monkeypatch.setattr(target, "client", lambda _: found)
    monkeypatch.setattr(sign_in, "_usable_keyring", lambda: None)
    return found


def test_sign_in_is_kept_for_its_owner_only(target: Target, cognito: Cognito, tmp_path: Path) -> None:
    sign_in.sign_in(target, ADA, "right")
    assert sign_in.session(target, ADA).username == ADA
    assert sign_in.session(target, None).username == ADA
    (file,) = tmp_path.rglob("sign-ins/*/*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_of_several_people_one_has_to_be_named(target: Target, cognito: Cognito) -> None:
    sign_in.sign_in(target, ADA, "right")
    sign_in.sign_in(target, GRACE, "right")
    with pytest.raises(BadInput, match="--as"):
        sign_in.session(target, None)
    assert sign_in.session(target, GRACE).username == GRACE
    assert sign_in.sign_out(target, GRACE)
    assert not sign_in.sign_out(target, GRACE)
    assert sign_in.session(target, None).username == ADA


def test_wrong_password_and_nobody_signed_in_are_told_apart(target: Target, cognito: Cognito) -> None:
    with pytest.raises(NotPermitted, match="Nobody is signed in"):
        sign_in.session(target, None)
    with pytest.raises(NotPermitted, match="was not signed in: Incorrect"):
        sign_in.sign_in(target, ADA, "wrong")
    with pytest.raises(NotPermitted, match="NEW_PASSWORD_REQUIRED"):
        sign_in.sign_in(target, "new@example.com", "right")
    with pytest.raises(NotPermitted, match="is not signed in"):
        sign_in.session(target, ADA)


def test_sign_in_about_to_end_is_renewed(target: Target, cognito: Cognito) -> None:
    cognito.lives = 30
    sign_in.sign_in(target, ADA, "right")
    cognito.lives = 3600
    assert sign_in.session(target, ADA).expires_at > time.time() + 3000
    assert sign_in.session(target, ADA).refresh_token == "refresh"
    assert cognito.flows == ["USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH"]


def test_spoilt_file_asks_to_sign_in_again(target: Target, cognito: Cognito, tmp_path: Path) -> None:
    sign_in.sign_in(target, ADA, "right")
    (file,) = tmp_path.rglob("sign-ins/*/*.json")
    file.write_text("{}")
    with pytest.raises(NotPermitted, match="cannot be read"):
        sign_in.session(target, ADA)
