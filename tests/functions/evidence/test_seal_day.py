"""Each day's list is signed, once, without gaps."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.s3.models import s3_backends

from functions.evidence.seal_day.app import handler
from functions.shared.signing import public_key
from tests import aws_environment, pki, records
from workflows.canonical import canonical
from workflows.evidence import jws
from workflows.evidence.manifest import Manifest
from workflows.evidence.verify import verify, verify_manifest

BUCKET = "gatehouse-evidence"
DAY = timedelta(days=1)


def keep(key: str, data: bytes, on: datetime) -> None:
    """As S3 would have kept it at `on` by its own clock."""
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=data)
    s3_backends[aws_environment.ACCOUNT]["aws"].get_object(BUCKET, key).last_modified = on.replace(tzinfo=None)  # type: ignore[union-attr]


def kept() -> dict[str, bytes]:
    s3 = boto3.client("s3")
    found = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {thing["Key"]: s3.get_object(Bucket=BUCKET, Key=thing["Key"])["Body"].read() for thing in found}


def seal(at: datetime, monkeypatch: pytest.MonkeyPatch) -> Any:
    aws_environment.set_clock(monkeypatch, at)
    return handler({}, aws_environment.context())


@pytest.fixture
def trusted(environment: dict[str, str]) -> jws.Keys:
    """The stack's key, and the one the records of this file are signed with."""
    return jws.Keys(public_key(environment["SIGNING_KEY_ARN"]), records.signing_key().public_key())


def test_the_day_s_files_are_listed_and_signed(trusted: jws.Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, data in records.chain(length=1).items():
        keep(key, data, pki.NOW)
    entry = records.trail_entry()
    keep(entry.key, canonical(entry), pki.NOW)
    assert seal(pki.NOW + DAY, monkeypatch)["days"] == ["2026-11-23"]
    made = verify_manifest(kept()["manifests/2026-11-23.json"], trusted)
    assert isinstance(made, Manifest)
    assert len(made.entries) == 2
    assert verify(kept().items(), trusted).failures == ()


def test_a_file_belongs_to_the_day_on_which_s3_kept_it(trusted: jws.Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    made = records.admission(at=midnight - timedelta(seconds=1))
    keep(made.key, records.sealed(made), midnight)
    seal(midnight + timedelta(minutes=30), monkeypatch)
    assert "manifests/2026-11-23.json" not in kept()
    seal(midnight + DAY, monkeypatch)
    listed = verify_manifest(kept()["manifests/2026-11-24.json"], trusted).entries
    assert [entry.key for entry in listed] == [made.key]
    assert verify(kept().items(), trusted).failures == ()


def test_nights_that_failed_are_made_good_in_one_chain(trusted: jws.Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, (key, data) in enumerate(records.chain().items()):
        keep(key, data, pki.NOW + number * pki.HOUR)
    assert len(seal(pki.NOW + 3 * DAY, monkeypatch)["days"]) == 3
    assert seal(pki.NOW + 4 * DAY, monkeypatch)["days"] == ["2026-11-26"]
    report = verify(kept().items(), trusted)
    assert (report.manifests, report.failures) == (4, ())


def test_a_second_run_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, data in records.chain().items():
        keep(key, data, pki.NOW)
    seal(pki.NOW + DAY, monkeypatch)
    before = kept()
    assert seal(pki.NOW + DAY, monkeypatch)["days"] == []
    assert kept() == before


def test_a_bucket_without_files_has_nothing_to_seal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seal(pki.NOW + DAY, monkeypatch)["days"] == []
    assert kept() == {}


@pytest.mark.parametrize(
    "stray", ["manifests/x.json", "manifests/2026-13-77.json", "manifests/9999-12-31.json", "manifests/"]
)
def test_attack_a_file_among_the_manifests_stops_no_night(
    trusted: jws.Keys, monkeypatch: pytest.MonkeyPatch, stray: str
) -> None:
    keep(stray, b"x", pki.NOW)
    for key, data in records.chain(length=1).items():
        keep(key, data, pki.NOW)
    assert seal(pki.NOW + DAY, monkeypatch)["days"] == ["2026-11-23"]
    assert seal(pki.NOW + 2 * DAY, monkeypatch)["days"] == ["2026-11-24"]
    assert {one.key for one in verify(kept().items(), trusted).failures} == {stray}


def test_attack_a_file_that_nobody_can_read_is_listed_like_any_other(
    trusted: jws.Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep("trail/2026-11-23/x.json", b"[" * 3_000, pki.NOW)
    seal(pki.NOW + DAY, monkeypatch)
    assert [one.key for one in verify_manifest(kept()["manifests/2026-11-23.json"], trusted).entries] == [
        "trail/2026-11-23/x.json"
    ]
