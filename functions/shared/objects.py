"""Objects in a bucket: read whole, in part, or not there; written once, or only over what was read."""

from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from functions.shared.aws import client, translated
from workflows.errors import AwsUnavailable, BadInput, MayWorkLater

MOST = 256 * 2**20
"""Octets of an object that is read whole. The largest that Gatehouse writes is a list of 100 MB (`config/limits.toml`)."""


class TooLarge(BadInput):
    """An object that nobody here wrote: it would not fit into the function's memory."""


class ChangedMeanwhile(MayWorkLater):
    """Somebody else wrote the object since it was read. Read it again."""


class StoredObject(NamedTuple):
    """An object's content, and the ETag that a write over it must match."""

    data: bytes
    etag: str


def read(bucket: str, key: str) -> StoredObject | None:
    """The object; None if there is none. Raises `AwsUnavailable`, `AccessRefused`, and `TooLarge` before anything is read."""
    answer = _get(bucket, key)
    if answer is not None and answer["ContentLength"] > MOST:
        raise TooLarge(f"{key} has {answer['ContentLength']:,} octets; expected at most {MOST:,}.")
    return None if answer is None else StoredObject(_body(answer), answer["ETag"])


def read_part(bucket: str, key: str, offset: int, length: int) -> bytes:
    """Those octets, fewer at the object's end, none if there is no such part or object. Raises `AwsUnavailable`, `AccessRefused`."""
    answer = _get(bucket, key, Range=f"bytes={offset}-{offset + length - 1}")
    return b"" if answer is None else _body(answer)[:length]


def keys(bucket: str, folder: str) -> list[str]:
    """Every key below `folder`. Raises `AwsUnavailable`, `AccessRefused`."""
    with translated():
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
        return [listed["Key"] for page in pages for listed in page.get("Contents", [])]


def size(bucket: str, key: str) -> int | None:
    """Octets; None if there is no such object. Raises `AwsUnavailable`, `AccessRefused`."""
    try:
        with translated():
            octets: int = client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise
        return None
    return octets


def write(bucket: str, key: str, data: bytes, content_type: str) -> None:
    """Write, over whatever is there. Raises `AwsUnavailable`, `AccessRefused`."""
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
    """Write unless something is there already: for keys that name their content. Raises `AwsUnavailable`, `AccessRefused`."""
    try:
        _write_if(bucket, key, data, content_type, IfNoneMatch="*")
    except ChangedMeanwhile:
        return


def replace(bucket: str, key: str, data: bytes, content_type: str, before: StoredObject | None) -> None:
    """Write over exactly what was read, or where nothing was. Raises `ChangedMeanwhile`, `AwsUnavailable`, `AccessRefused`.

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
    except Exception as error:  # urllib3's and botocore's, all of a connection that broke
        raise AwsUnavailable(f"S3 broke off: {type(error).__name__}: {error}") from error
    return data
