"""What cannot be recorded does not happen; what was recorded is not written over."""

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.shared import aws
from functions.shared.trail import Trail
from tests import pki
from workflows.evidence import trail
from workflows.evidence.errors import TrailUnavailable

TRAIL = Trail("gatehouse-evidence", "approvals_web")


def kept() -> list[trail.Entry]:
    s3 = boto3.client("s3")
    found = s3.list_objects_v2(Bucket="gatehouse-evidence", Prefix="trail/").get("Contents", [])
    return [trail.parse(s3.get_object(Bucket="gatehouse-evidence", Key=thing["Key"])["Body"].read()) for thing in found]


def test_an_entry_holds_what_the_clause_asks_for() -> None:
    """IEC 62443-4-2 CR 2.8: time, source, category, type, event id, result."""
    identity = TRAIL.record(
        "sign_in", "refuse", subject="/api/approvals", actor="unknown", result="refused", reason="expired"
    )
    (made,) = kept()
    assert (made.at, made.source, made.category, made.type) == (pki.NOW, "approvals_web", "sign_in", "refuse")
    assert (made.id, made.result, made.reason) == (identity, "refused", "expired")
    assert made.key.startswith("trail/2026-11-23/")


def test_the_result_repeats_the_id_of_what_was_begun() -> None:
    identity = TRAIL.record(
        "inventory", "deny", subject="pump-1", actor="erin", result="begun", old={"effect": "allow"}
    )
    TRAIL.record("inventory", "deny", subject="pump-1", actor="erin", result="succeeded", id=identity)
    assert {(made.id, made.result) for made in kept()} == {(identity, "begun"), (identity, "succeeded")}


def test_a_trail_that_cannot_be_written_stops_the_act(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")

    monkeypatch.setattr(aws.client("s3"), "put_object", refuse)
    with pytest.raises(TrailUnavailable, match="was not carried out"):
        TRAIL.record("authority", "register", subject="ca", actor="erin", result="begun")


def test_an_entry_is_never_written_over() -> None:
    identity = TRAIL.record("authority", "register", subject="ca", actor="erin", result="begun")
    with pytest.raises(TrailUnavailable):
        TRAIL.record("authority", "register", subject="other", actor="mallory", result="begun", id=identity)
    assert [made.subject for made in kept()] == ["ca"]
