"""CloudFormation makes ``AWS::Cognito::ManagedLoginBranding``: the style of a client's sign-in pages.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cognito-managedloginbranding.html
Managed login needs a style before it shows anything. The engine has one plain sign-in page and does not know the resource; here
the stack may have it, and the page stays as it is.
"""

import uuid

from ministack.services.cloudformation import provisioners

from gatehouse.local_cloud.additions.values import Json


def apply() -> None:
    provisioners._RESOURCE_HANDLERS.setdefault(
        "AWS::Cognito::ManagedLoginBranding", {"create": _create, "delete": _delete}
    )


def _create(logical_id: str, properties: Json, stack: str) -> tuple[str, Json]:  # noqa: ARG001 - the engine's signature
    return f"{properties['UserPoolId']}|{uuid.uuid4()}", {}


def _delete(physical_id: str, properties: Json) -> None:
    """Nothing was made that could be removed."""
