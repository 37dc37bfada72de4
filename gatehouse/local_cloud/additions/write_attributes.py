"""A person changes only those of their attributes that their app client may write.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolClientType.html (WriteAttributes): without the list,
every standard attribute; with it, those that it names. Another one is NotAuthorizedException
(https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UpdateUserAttributes.html). That the access token needs
the scope ``aws.cognito.signin.user.admin``, the engine checks itself.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import cognito

from gatehouse.local_cloud.additions import patch

_NOT_ONES_OWN = frozenset({"sub", "email_verified", "phone_number_verified", "identities"})
"""What nobody says of themselves, whatever the client may write."""


def apply() -> None:
    patch.wrap(cognito, "_update_user_attributes", _update_user_attributes)


def _update_user_attributes(update: Callable[..., Any], data: Any) -> Any:
    claims = cognito._token_claims(str(data.get("AccessToken", ""))) or {}
    pool = cognito._user_pools.get(str(claims.get("iss", "")).rsplit("/", 1)[-1]) or {}
    client = pool.get("_clients", {}).get(claims.get("client_id")) or {}
    allowed = set(client.get("WriteAttributes") or [])
    asked = {str(one.get("Name")) for one in data.get("UserAttributes", [])}
    if asked & _NOT_ONES_OWN or (allowed and asked - allowed):
        return cognito.error_response_json(
            "NotAuthorizedException", "A client attempted to write unauthorized attribute", 400
        )
    return update(data)
