"""A stack's bucket in the process, and the `gatehouse` command aimed at it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.s3.models import s3_backends
from typer.testing import CliRunner, Result

from gatehouse.cli import app
from gatehouse.cli import evidence as cli
from gatehouse.stack.target import Target
from tests import aws_environment, records
from workflows.evidence import jws
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.record import parse

NIGHT = datetime(2026, 11, 25, 2, tzinfo=UTC)
"""After the two days of `records.bucket` are sealed."""


class Stack:
    """The evidence bucket and admissions table, filled with files; and the command."""

    def __init__(self, folder: Path, target: Target) -> None:
        self.target = target
        self.key = folder / "trusted.pem"
        self.key.write_bytes(records.public_pem())

    def keep(self, files: dict[str, bytes], *, on: datetime | None = None) -> None:
        """As S3 would have kept them: each when it says that it was written, or `on` that moment."""
        for key, data in files.items():
            boto3.client("s3").put_object(Bucket="gatehouse-evidence", Key=key, Body=data)
            kept_at = on or records.written(key, data) or records.NOW
            found: Any = s3_backends[aws_environment.ACCOUNT]["aws"].get_object("gatehouse-evidence", key)
            found.last_modified = kept_at.replace(tzinfo=None)
            if key.startswith("records/"):
                self._admission(data)

    def run(self, *arguments: str, trusting: bool = True) -> Result:
        trusted = ["--public-key", str(self.key)] if trusting else []
        return CliRunner().invoke(app, ["--aws", "evidence", *arguments, *trusted])

    def report(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def _admission(self, data: bytes) -> None:
        try:
            made = parse(jws.parse(data)[1])
        except EvidenceInvalid:
            return
        row: Any = {
            "certificate_id": {"S": made.certificate_id},
            "claimed_at": {"S": made.sealed_at.isoformat()},
            "outcome": {"S": made.outcome},
            "device": {"S": made.device or "-"},
        }
        boto3.client("dynamodb").put_item(TableName="Admissions", Item=row)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stack]:
    with aws_environment.running(monkeypatch) as environment:
        target = Target("gatehouse")
        target.__dict__["outputs"] = {
            "CrlBucket": environment["CRL_BUCKET"],
            "EvidenceBucket": "gatehouse-evidence",
            "InventoryTable": "Inventory",
            "AdmissionsTable": "Admissions",
            "SigningKeyArn": environment["SIGNING_KEY_ARN"],
            "VoteSigningKeyArn": environment["VOTE_SIGNING_KEY_ARN"],
        }
        monkeypatch.setattr(Target, "resolve", lambda *_: target)
        monkeypatch.setattr(cli, "_now", lambda: NIGHT)
        yield Stack(tmp_path, target)
