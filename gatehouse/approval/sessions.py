"""Signs in as an approver and stores the session: in the system's keyring, or in a file that only its owner can read.

The approvals API needs the ID token, since a signature has its signer's printed name (21 CFR 11.50).
"""

import os
import re
import time
from pathlib import Path
from typing import Any

import msgspec

from gatehouse.approval.sign_in import local
from gatehouse.approval.sign_in.provider import Provider, Refused, Tokens
from gatehouse.errors import NotPermitted
from gatehouse.stack.target import Target
from workflows import stored
from workflows.errors import BadInput

_SERVICE = "gatehouse"
_HOW = "gatehouse approvals login"
_EXPIRES_SOON = 60  # seconds: a token with less time left is renewed before use


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One person's sign-in. `expires_at` is when the ID token expires, in seconds since the epoch.

    `subject` is the person's id at the provider, `client_id` the client to which the tokens were issued.
    """

    username: str
    id_token: str
    refresh_token: str | None
    expires_at: int
    subject: str = ""
    client_id: str = ""


def sign_in(target: Target, username: str, password: str) -> Session:
    """Sign in to the local cloud with a password and store the session. Raises `BadInput` on AWS, `NotPermitted`, `Unreachable`."""
    if not target.local:
        raise BadInput(f"Type a password only on the provider's own page: {_HOW}. --username is for the local cloud.")
    provider = Provider(target.output("OidcIssuer"), target.output("CommandLineClientId"))
    return keep(target, local.sign_in(provider, username, password), provider.client_id)


def keep(target: Target, tokens: Tokens, client_id: str) -> Session:
    """Store a sign-in under the name that the person knows: e-mail address, user name, name or subject."""
    claims = tokens.claims
    names = (claims.get(name) for name in ("email", "preferred_username", "name", "sub"))
    session = Session(
        username=next(name for name in names if isinstance(name, str) and name),
        id_token=tokens.id_token,
        refresh_token=tokens.refresh_token,
        expires_at=int(claims["exp"]),
        subject=str(claims["sub"]),
        client_id=client_id,
    )
    _Keeper(target).keep(session)
    return session


def sign_out(target: Target, username: str) -> bool:
    """Delete the stored session. Returns False if there was none."""
    return _Keeper(target).forget(username)


def session(target: Target, username: str | None) -> Session:
    """The stored session of `username`, or of the only person who is signed in. It is renewed if it ends soon. Raises `NotPermitted`."""
    keeper = _Keeper(target)
    current = keeper.find(username)
    if current.expires_at - time.time() > _EXPIRES_SOON:
        return current
    if current.refresh_token is None or not current.client_id:  # kept by a version that took passwords
        raise NotPermitted(f"The sign-in of {current.username} has ended. Sign in again: {_HOW}")
    return _renewed(target, current, current.refresh_token)


def _renewed(target: Target, session: Session, refresh_token: str) -> Session:
    try:
        tokens = Provider(target.output("OidcIssuer"), session.client_id).renewed(refresh_token, session.subject)
    except Refused as error:
        raise NotPermitted(f"The sign-in of {session.username} has ended. Sign in again: {_HOW}") from error
    return keep(target, tokens, session.client_id)


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    username: str


class _Keeper:
    """Stores the sessions of one stack. Those of the local cloud are in its home directory."""

    def __init__(self, target: Target) -> None:
        issuer = target.output("OidcIssuer")
        self._folder = _state_directory(target) / "sign-ins" / re.sub(r"[^a-zA-Z0-9]+", "-", issuer)
        self._issuer = issuer
        self._keyring = None if target.local else _usable_keyring()

    def keep(self, session: Session) -> None:
        content = msgspec.json.encode(session)
        path = self._path(session.username)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._keyring:
            self._keyring.set_password(_SERVICE, self._name(session.username), content.decode())
            content = msgspec.json.encode({"username": session.username})
        scratch = path.with_suffix(".new")
        scratch.unlink(missing_ok=True)
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        scratch.replace(path)

    def find(self, username: str | None) -> Session:
        if username is None:
            username = self._only_one()
        path = self._path(username)
        if not path.exists():
            raise NotPermitted(f"{username} is not signed in. Sign in: {_HOW}")
        content: str | bytes | None = path.read_bytes()
        if self._keyring:
            content = self._keyring.get_password(_SERVICE, self._name(username))
        try:
            return stored.read(content or b"", Session)
        except stored.Unreadable as error:
            raise NotPermitted(f"The stored sign-in of {username} cannot be read. Sign in again: {_HOW}") from error

    def forget(self, username: str) -> bool:
        path = self._path(username)
        if not path.exists():
            return False
        if self._keyring:
            self._keyring.delete_password(_SERVICE, self._name(username))
        path.unlink()
        return True

    def _only_one(self) -> str:
        names = [stored.read(path.read_bytes(), _Named).username for path in sorted(self._folder.glob("*.json"))]
        match names:
            case []:
                raise NotPermitted(f"Nobody is signed in. Sign in: {_HOW}")
            case [name]:
                return name
        raise BadInput(f"Several people are signed in ({', '.join(names)}); name one with --as.")

    def _path(self, username: str) -> Path:
        return self._folder / f"{username.encode().hex()}.json"

    def _name(self, username: str) -> str:
        return f"{self._issuer} {username}"


def _state_directory(target: Target) -> Path:
    if target.local:
        return Path(target.local.home)
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "gatehouse"


def _usable_keyring() -> Any | None:
    """The system's keyring; None if it stores nothing."""
    import keyring
    from keyring.backends import fail, null

    found = keyring.get_keyring()
    return None if isinstance(found, fail.Keyring | null.Keyring) else found
