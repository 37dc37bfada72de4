"""Checks an ID token. It is accepted only if every check passes (OpenID Connect Core 1.0, section 3.1.3.7)."""

import hmac
from collections.abc import Collection
from typing import Any

from functions.approval.approvals_web.identity import NotSignedIn, Provider
from functions.approval.approvals_web.sign_in import provider as providers
from workflows import stored

ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
"""Only asymmetric algorithms: ``none`` is not a signature, and neither is an HMAC with a public key as its secret."""


def verified(id_token: str, nonce: str, provider: Provider) -> dict[str, Any]:
    """Returns the claims of a token that the issuer signed for this sign-in. Raises `NotSignedIn`, `IdentityProviderUnavailable`."""
    claims = signed(id_token, provider, clients={provider.oidc_client_id})
    sent = claims.get("nonce")
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), nonce.encode()):
        raise NotSignedIn("sign_in_failed", "The ID token was issued for another sign-in.")
    return claims


def signed(token: str, provider: Provider, *, clients: Collection[str]) -> dict[str, Any]:
    """Returns the claims of a token that the issuer signed. If it has several audiences, its `azp` must be one of `clients`.

    `identity.person` checks who the person is, and whether the token is for Gatehouse and has not expired. Raises `NotSignedIn`,
    `IdentityProviderUnavailable`.
    """
    from joserfc.errors import JoseError

    try:
        claims = _claims(token, providers.keys(provider.oidc_issuer))
    except (JoseError, ValueError, stored.Unreadable):
        try:
            claims = _claims(token, providers.keys(provider.oidc_issuer, anew=True))
        except (JoseError, ValueError, stored.Unreadable) as error:
            raise NotSignedIn("sign_in_failed", f"The ID token is not signed by the issuer: {error}") from error
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") not in clients:
        raise NotSignedIn("sign_in_failed", "The ID token was issued to another application.")
    return claims


def _claims(id_token: str, keys: bytes) -> dict[str, Any]:
    from joserfc import jwt
    from joserfc.jwk import KeySet

    claims: dict[str, Any] = jwt.decode(
        id_token, KeySet.import_key_set(stored.read(keys)), algorithms=ALGORITHMS
    ).claims
    return claims
