"""The bucket of revocation lists: what was published for one issuer's key, as it was published."""

from typing import Any

from functions.shared.aws import client, translated
from workflows.admission.errors import AwsUnavailable
from workflows.revocation.errors import CrlStoreUnavailable


class CrlStore:
    """Lists below ``lists/<issuer key>/``, each named by its hash. `max_size` is in octets."""

    def __init__(self, bucket: str, max_size: int) -> None:
        self.bucket = bucket
        self.max_size = max_size

    def lists_for(self, issuer_key: str) -> list[bytes]:
        """Every list of the issuer, DER; none if none was published. Raises `CrlStoreUnavailable`, `AccessRefused`.

        A list above the limit is not passed over: an older one beside it could then say good where it says revoked.
        """
        try:
            with translated(NoSuchBucket=CrlStoreUnavailable, NoSuchKey=CrlStoreUnavailable):
                return [self._read(found) for found in self._listed(f"lists/{issuer_key}/")]
        except AwsUnavailable as error:
            raise CrlStoreUnavailable(str(error)) from error

    def _listed(self, prefix: str) -> list[dict[str, Any]]:
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [found for page in pages for found in page.get("Contents", []) if found["Key"].endswith(".crl")]

    def _read(self, found: dict[str, Any]) -> bytes:
        key, size = found["Key"], found["Size"]
        if size > self.max_size:
            raise CrlStoreUnavailable(
                f"{key} has {size} bytes; expected at most {self.max_size}. Raise max_size_mb in config/limits.toml, or remove it."
            )
        body: bytes = client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body
