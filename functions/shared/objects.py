"""Objects in a bucket: read whole or in part; written once, or only over the version that was read."""

from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from functions.shared.aws import client, translated
from workflows.errors import AwsUnavailable, BadInput, MayWorkLater

MOST = 256 * 2**20
"""At most this many octets of an object are read whole. The largest that Gatehouse writes is a list of 100 MB (`config/limits.toml`)."""


class TooLarge(BadInput):
    """The object would not fit into the function's memory. Gatehouse did not write it."""


class ChangedMeanwhile(MayWorkLater):
    """Somebody else has written the object since it was read. Read it again."""


class StoredObject(NamedTuple):
    """An object's content, and the ETag that a write over it must match."""

    data: bytes
    etag: str


def read(bucket: str, key: str) -> StoredObject | None:
    """Returns the object; None if there is none. Raises `AwsUnavailable`, `AccessRefused`, and `TooLarge` before its content is read."""
    answer = _get(bucket, key)
    if answer is not None and answer["ContentLength"] > MOST:
        raise TooLarge(f"{key} has {answer['ContentLength']:,} octets; expected at most {MOST:,}.")
    return None if answer is None else StoredObject(_body(answer), answer["ETag"])


def read_part(bucket: str, key: str, offset: int, length: int) -> bytes:
    """Returns these octets: fewer at the end, none if there is no such part or object. Raises `AwsUnavailable`, `AccessRefused`."""
    answer = _get(bucket, key, Range=f"bytes={offset}-{offset + length - 1}")
    return b"" if answer is None else _body(answer)[:length]


def keys(bucket: str, folder: str) -> list[str]:
    """Every key below `folder`. Raises `AwsUnavailable`, `AccessRefused`."""
    with translated():
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
        return [listed["Key"] for page in pages for listed in page.get("Contents", [])]


def size(bucket: str, key: str) -> int | None:
    """Returns the size in octets; None if there is no such object. Raises `AwsUnavailable`, `AccessRefused`."""
    try:
        with translated():
            octets: int = client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise
        return None
    return octets


def write(bucket: str, key: str, data: bytes, content_type: str) -> None:
    """Write the object, also over an existing one. Raises `AwsUnavailable`, `AccessRefused`."""
    with translated():
        client("s3").put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type)


def copy(bucket: str, key: str, to: str) -> None:
    """Copy it within the bucket. Raises `AwsUnavailable`, `AccessRefused`."""
    with translated():
        client("s3").copy_object(Bucket=bucket, Key=to, CopySource={"Bucket": bucket, "Key": key})


def delete(bucket: str, key: str) -> None:
    """Delete it, if it is there. Raises `AwsUnavailable`, `AccessRefused`."""
    with translated():
        client("s3").delete_object(Bucket=bucket, Key=key)


def write_once(bucket: str, key: str, data: bytes, content_type: str) -> None:
    """Write the object unless it exists: for keys that name their content. Raises `AwsUnavailable`, `AccessRefused`."""
    try:
        _write_if(bucket, key, data, content_type, IfNoneMatch="*")
    except ChangedMeanwhile:
        return


def replace(bucket: str, key: str, data: bytes, content_type: str, before: StoredObject | None) -> None:
    """Write only if the object is still as it was read, or still missing. Raises `ChangedMeanwhile`, `AwsUnavailable`, `AccessRefused`.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    _write_if(bucket, key, data, content_type, **({"IfNoneMatch": "*"} if before is None else {"IfMatch": before.etag}))


def _write_if(bucket: str, key: str, data: bytes, content_type: str, **condition: str) -> None:
    with translated(
        PreconditionFailed=ChangedMeanwhile, ConditionalRequestConflict=ChangedMeanwhile, NoSuchKey=ChangedMeanwhile
    ):
        client("s3").put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type, **condition)


def _get(bucket: str, key: str, **part: str) -> dict[str, Any] | None:
    try:
        with translated(NoSuchBucket=AwsUnavailable):
            answer: dict[str, Any] = client("s3").get_object(Bucket=bucket, Key=key, **part)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "InvalidRange"):
            raise
        return None
    return answer


def _body(answer: dict[str, Any]) -> bytes:
    try:
        data: bytes = answer["Body"].read()
    except Exception as error:  # errors of urllib3 and botocore; all mean that the connection broke
        raise AwsUnavailable(f"The connection to S3 broke: {type(error).__name__}: {error}") from error
    return data
