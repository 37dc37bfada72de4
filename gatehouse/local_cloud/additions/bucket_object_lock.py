"""CloudFormation's ``ObjectLockEnabled`` and ``ObjectLockConfiguration`` of a bucket.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html.
The engine's S3 has Object Lock, but not for buckets that a stack makes. Without it, locked objects could be deleted.
"""

from collections.abc import Callable

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json


def apply() -> None:
    patch.wrap(provisioners, "_s3_apply_configurations", _apply_configurations)


def _apply_configurations(configure: Callable[..., None], name: str, properties: Json, before: Json = None) -> None:
    configure(name, properties, before)
    if str(properties.get("ObjectLockEnabled", "")).lower() == "true":
        s3._bucket_object_lock[name] = {"enabled": True, "default_retention": _default_retention(properties)}


def _default_retention(properties: Json) -> Json:
    configured = properties.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention")
    if not configured:
        return None
    return {name: value if name == "Mode" else int(value) for name, value in configured.items()}
