"""What S3 refuses of a write, and the engine takes.

- ``If-None-Match`` of a write takes ``*`` only (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
- A date until which an object is to be locked lies in the future, and locked buckets stay versioned
  (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html).
- A key has at most 1,024 bytes, its metadata 2 KB (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html,
  …/UsingMetadata.html).
- A copy of an object onto itself changes something, or is refused
  (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html)."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import unquote

from ministack.services import s3

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json, Response

KEY_BYTES = 1024
METADATA_BYTES = 2 * 1024
_CHANGING = (
    "x-amz-metadata-directive",
    "x-amz-tagging-directive",
    "x-amz-storage-class",
    "x-amz-server-side-encryption",
)


def apply() -> None:
    patch.wrap(s3, "_put_object", _put_object)
    patch.wrap(s3, "_copy_object", _copy_object)
    patch.wrap(s3, "_put_bucket_versioning", _put_bucket_versioning)


def _put_object(put: Callable[..., Response], bucket: str, key: str, body: bytes, headers: dict[str, str]) -> Response:
    return _fault_of_write(key, headers) or put(bucket, key, body, headers)


def _copy_object(copy: Callable[..., Response], bucket: str, key: str, headers: dict[str, str]) -> Response:
    source = unquote(headers.get("x-amz-copy-source", "")).lstrip("/")
    if source == f"{bucket}/{key}" and not any(headers.get(name) not in (None, "COPY") for name in _CHANGING):
        return _refused(
            "InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself.", key
        )
    return _fault_of_write(key, headers) or copy(bucket, key, headers)


def _put_bucket_versioning(versioning: Callable[..., Response], name: str, body: bytes) -> Response:
    if b"Suspended" in body and (s3._bucket_object_lock.get(name) or {}).get("enabled"):
        told = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
        return _refused("InvalidBucketState", told, name, 409)
    return versioning(name, body)


def _fault_of_write(key: str, headers: dict[str, str]) -> Response | None:
    if len(key.encode()) > KEY_BYTES:
        return _refused("KeyTooLongError", "Your key is too long", key)
    metadata = {name: value for name, value in headers.items() if name.startswith("x-amz-meta-")}
    if (
        sum(len(name.removeprefix("x-amz-meta-")) + len(value.encode()) for name, value in metadata.items())
        > METADATA_BYTES
    ):
        return _refused("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", key)
    if headers.get("if-none-match", "*") != "*":
        return _refused(
            "NotImplemented", "A header you provided implies functionality that is not implemented", key, 501
        )
    if _is_past(headers.get("x-amz-object-lock-retain-until-date")):
        return _refused("InvalidArgument", "The retain until date must be in the future!", key)
    return None


def _is_past(until: str | None) -> bool:
    if not until:
        return False
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        return False  # the engine says what it thinks of it
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) <= datetime.now(UTC)


def _refused(code: str, message: str, resource: Json, status: int = 400) -> Response:
    answer: Response = s3._error(code, message, status, f"/{resource}")
    return answer
