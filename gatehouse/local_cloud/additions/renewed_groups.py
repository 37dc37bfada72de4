"""A renewed ID token names its person's groups, as the first one did.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html: ``cognito:groups`` are in every
ID token of a member. The engine leaves them out of renewed tokens, so that members of a group lose its rights.
"""

from ministack.services import cognito

from gatehouse.local_cloud.additions import patch

_NOW = '"id_token": _fake_token(sub, pool_id, client_id, "id", username=username, user_attrs=attrs,'


def apply() -> None:
    patch.edit(cognito, "_oauth2_token", (_NOW, _NOW + ' groups=user.get("_groups", []),'))
