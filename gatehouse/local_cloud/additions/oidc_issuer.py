"""The user pool's issuer is an address that answers, and CloudFormation knows it as ``ProviderURL``.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cognito-userpool.html (Return values).
A verifier of a token fetches the keys from its issuer (OpenID Connect Discovery 1.0, section 4). The engine issues tokens in
the name of ``https://cognito-idp.<region>.amazonaws.com``, which is AWS's and does not know the local pool. Here it issues
them in its own name.
"""

import os
from collections.abc import Callable

from ministack.services import cognito
from ministack.services.cloudformation import provisioners

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json


def apply() -> None:
    cognito._issuer_of = _issuer_of
    patch.edit(
        cognito,
        "well_known_openid_configuration",
        ('f"https://cognito-idp.{r}.amazonaws.com/{pool_id}"', "_issuer_of(pool_id)"),
    )
    patch.edit(
        cognito,
        "_fake_token",
        ('f"https://cognito-idp.{_pool_region(pool_id)}.amazonaws.com/{pool_id}"', "_issuer_of(pool_id)"),
    )
    patch.wrap(provisioners, "_cognito_user_pool_attributes", _user_pool_attributes)


def _user_pool_attributes(attributes: Callable[..., Json], pool_id: str) -> Json:
    return {**attributes(pool_id), "ProviderURL": _issuer_of(pool_id)}


def _issuer_of(pool_id: str) -> str:
    return f"{os.environ['AWS_ENDPOINT_URL']}/{pool_id}"
