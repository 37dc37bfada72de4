"""The person whom the claims of a verified token describe.

The token is an ID token: a signature block needs the printed name (21 CFR 11.50), which Cognito's access token does not carry.
"""

import unicodedata
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import Struct

from workflows.approval.signature import NameSource
from workflows.approval.votes import Voter
from workflows.errors import GatehouseError

MOST_SUBJECT = 255
"""Characters. The limit is from OpenID Connect Core 1.0, section 2."""

GROUPS = "cognito:groups"
"""The claim with the groups. Every issuer must use this name."""


class NotSignedIn(GatehouseError):  # noqa: N818
    """The claims do not name a person who is signed in to Gatehouse now."""

    def __init__(
        self,
        code: Literal[
            "unauthorized", "wrong_token", "token_expired", "no_token", "no_session", "not_begun", "sign_in_failed"
        ],
        message: str,
    ) -> None:
        self.code = code
        super().__init__(message)


class Provider(Struct, frozen=True, kw_only=True):
    """Which tokens count: those issued to the pages' client. At the API, tokens issued to the command line's client count too."""

    oidc_issuer: str
    oidc_client_id: str
    oidc_command_line_client_id: str = ""


def person(
    claims: dict[str, Any], provider: Provider, at: datetime, *, clients: Collection[str] | None = None
) -> Voter:
    """Returns the person whom an ID token with a verified signature describes.

    `clients` are the clients to which the token may be issued; by default, only the pages' client. Raises `NotSignedIn` if the token
    is not for Gatehouse or has expired.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise NotSignedIn("unauthorized", "Sign in first.")
    if len(subject) > MOST_SUBJECT or not subject.isascii():
        raise NotSignedIn("unauthorized", f"The subject is longer than {MOST_SUBJECT} characters or not ASCII.")
    if claims.get("iss") != provider.oidc_issuer:
        raise NotSignedIn("unauthorized", "The token is from another issuer. Sign in again.")
    if claims.get("token_use", "id") != "id":
        raise NotSignedIn("wrong_token", "Send the ID token. It names you; an access token does not.")
    if not set(clients or {provider.oidc_client_id}) & set(listed(claims.get("aud"))):
        raise NotSignedIn("unauthorized", "The token was issued to another application. Sign in again.")
    expires = moment(claims.get("exp"))
    if expires is None or expires <= at:
        raise NotSignedIn("token_expired", "The sign-in has expired. Sign in again.")
    aliases = (claims.get(name) for name in ("cognito:username", "preferred_username", "email"))
    name, claim = _name(claims) or (subject, "sub")
    return Voter(
        subject=subject,
        name=name,
        groups=listed(claims.get(GROUPS)),
        known_as=tuple(alias for alias in aliases if isinstance(alias, str)),
        identified_as=_surely(claims, subject),
        signed_in_at=moment(claims.get("auth_time")),
        authentication_methods=listed(claims.get("amr")),
        name_from=NameSource(issuer=provider.oidc_issuer, claim=claim, issued_at=moment(claims.get("iat"))),
    )


def listed(claim: object) -> tuple[str, ...]:
    """Returns the values of a claim: of a list, its texts. A single text is one value, and is never split."""
    parts = claim if isinstance(claim, list) else [claim]
    return tuple(part for part in parts if isinstance(part, str) and part)


def moment(claim: object) -> datetime | None:
    """Returns the time of a NumericDate (RFC 7519 section 2); None if `claim` is not one."""
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        return None
    try:
        return datetime.fromtimestamp(int(claim), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _surely(claims: dict[str, Any], subject: str) -> tuple[str, ...]:
    """Returns the names that people cannot choose for themselves. An e-mail address counts only if the provider has verified it."""
    names = [subject, claims.get("cognito:username")]
    if str(claims.get("email_verified", "")).lower() == "true":
        names.append(claims.get("email"))
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))


def _name(claims: dict[str, Any]) -> tuple[str, str] | None:
    """Returns the printed name and the claims that it comes from.

    Control and direction characters are removed, because the name is shown next to other people's names.
    """
    full = " ".join(str(claims[part]) for part in ("given_name", "family_name") if claims.get(part))
    known = {"name": claims.get("name"), "given_name family_name": full}
    for claim, candidate in (known | {one: claims.get(one) for one in ("cognito:username", "email")}).items():
        if isinstance(candidate, str):
            printable = "".join(c for c in candidate if not unicodedata.category(c).startswith("C")).strip()[:128]
            if printable:
                return printable, claim
    return None
