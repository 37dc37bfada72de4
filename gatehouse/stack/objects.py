"""Lists, reads and writes objects in the stack's buckets; `replace` writes only if the object has not changed since it was read.

A bucket is given by the name of the stack's output: ``CrlBucket``, ``EvidenceBucket``.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, NamedTuple

from botocore.exceptions import ClientError

from gatehouse.errors import AnsweredNo
from gatehouse.stack.target import Target

Bucket = Literal["CrlBucket", "EvidenceBucket"]
_CHANGED = ("PreconditionFailed", "ConditionalRequestConflict")


class ChangedMeanwhile(AnsweredNo):
    """Somebody else has written the object since it was read."""


class StoredObject(NamedTuple):
    """An object's content, and the ETag that a write over it must match."""

    data: bytes
    etag: str


def listing(target: Target, bucket: Bucket, prefix: str) -> Iterator[tuple[str, datetime]]:
    """Every key that begins with `prefix`, in order, with the time when S3 stored it. Reads page by page."""
    s3 = target.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=target.output(bucket), Prefix=prefix):
        for found in page.get("Contents", []):
            yield found["Key"], found["LastModified"]


def keys(target: Target, bucket: Bucket, prefix: str) -> list[str]:
    """Every key that begins with `prefix`, in order."""
    return [key for key, _ in listing(target, bucket, prefix)]


def read(target: Target, bucket: Bucket, key: str) -> StoredObject | None:
    """The object; None if it does not exist."""
    try:
        answer = target.client("s3").get_object(Bucket=target.output(bucket), Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
            raise
        return None
    return StoredObject(answer["Body"].read(), answer["ETag"])


def write(target: Target, bucket: Bucket, key: str, data: bytes, content_type: str) -> None:
    """Write an object, whether it exists or not."""
    target.client("s3").put_object(Bucket=target.output(bucket), Key=key, Body=data, ContentType=content_type)


def replace(target: Target, bucket: Bucket, key: str, data: bytes, *, content_type: str, etag: str | None) -> None:
    """Write an object only if it still has this ETag; None: only if it does not exist. Raises `ChangedMeanwhile`.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
    try:
        target.client("s3").put_object(
            Bucket=target.output(bucket), Key=key, Body=data, ContentType=content_type, **condition
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _CHANGED:
            raise
        raise ChangedMeanwhile(
            f"Somebody else has written {key} meanwhile. Check it, and run the command again."
        ) from error
