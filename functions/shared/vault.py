"""The evidence bucket: written once, read, never overwritten. Retention is the bucket's own (S3 Object Lock)."""

import hashlib
from collections.abc import Iterator
from datetime import datetime

from functions.shared.aws import client, translated
from workflows.errors import AwsUnavailable, WillNeverWork

_PIECE = 2**20  # octets


class AlreadyKept(WillNeverWork):
    """There is already a file under this key."""


class Vault:
    """Files by key. Every write requires that the key is free, so that a repeat changes nothing."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def keep(self, key: str, data: bytes, content_type: str = "application/jose+json") -> None:
        """Write a new file. Raises `AlreadyKept`, `AwsUnavailable`, `AccessRefused`."""
        with translated(PreconditionFailed=AlreadyKept, ConditionalRequestConflict=AwsUnavailable):
            client("s3").put_object(
                Bucket=self._bucket,
                Key=key,
                Body=data,
                ContentType=content_type,
                IfNoneMatch="*",
                ChecksumAlgorithm="SHA256",
            )

    def read(self, key: str) -> bytes:
        """Returns a file's bytes. Raises `AwsUnavailable`, `AccessRefused`."""
        with translated():
            body: bytes = client("s3").get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return body

    def sha256(self, key: str) -> str:
        """Returns the SHA-256 of a file. It is read in pieces, since a file may be larger than the memory."""
        digest = hashlib.sha256()
        with translated():
            for piece in client("s3").get_object(Bucket=self._bucket, Key=key)["Body"].iter_chunks(_PIECE):
                digest.update(piece)
        return digest.hexdigest()

    def has(self, key: str) -> bool:
        """Returns whether the file exists. It uses the list, since S3 returns 403 for a missing file to a role that may not list."""
        return any(name == key for name, _ in self.listing(key))

    def listing(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """Yields every key below `folder`, in order, and when S3 stored it by its own clock. Raises `AwsUnavailable`, `AccessRefused`."""
        with translated():
            for page in client("s3").get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=folder):
                for listed in page.get("Contents", []):
                    yield listed["Key"], listed["LastModified"]
