"""A registered CA, and the bucket that lists are handed in to."""

import json
from typing import Any

import pytest

from tests import aws_environment, pki
from workflows.admission.facts import issuer_key

BUCKET = aws_environment.NAMES["CRL_BUCKET"]


class Office:
    """One CA, what is handed in for it, and what lies in the bucket."""

    def __init__(self) -> None:
        self.ca = pki.authority()
        self.ca_id = aws_environment.register_ca(self.ca)
        self.issuer_key = issuer_key(self.ca.certificate)
        self.s3: Any = aws_environment.client("s3")

    def publish(self, data: bytes, name: str = "") -> dict[str, Any]:
        """Hand a list in; returns what became of it."""
        return aws_environment.publish_crl(data, self.ca_id, name)

    def revoking(self, *serials: int, number: int = 1, **unusual: Any) -> bytes:
        return pki.revocation_list(self.ca, serials, number=number, **unusual)

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [one["Key"] for one in found]

    def read(self, key: str) -> bytes:
        data: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return data

    def write(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)

    def current(self) -> list[str]:
        """The numbers that the file of current lists names."""
        slots = json.loads(self.read(f"current/{self.issuer_key}.json"))["slots"]
        return sorted(one["record"]["number"] for one in slots.values())


@pytest.fixture
def office(environment: dict[str, str]) -> Office:
    assert environment
    return Office()


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every list of three entries or more is given an index."""
    monkeypatch.setattr("workflows.revocation.current_lists.LARGE", 3)
