"""What cannot be recorded does not happen; what was recorded is not written over."""

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.approval.approvals_web.app import handler as approvals_web
from functions.shared import aws
from functions.shared.audit_trail import AuditTrail
from tests import aws_environment, pki
from tests.approvals import token
from workflows.evidence import audit_trail
from workflows.evidence.errors import TrailUnavailable

TRAIL = AuditTrail("gatehouse-evidence", "approvals_web")


def kept() -> list[audit_trail.Entry]:
    s3 = boto3.client("s3")
    found = s3.list_objects_v2(Bucket="gatehouse-evidence", Prefix="trail/").get("Contents", [])
    return [
        audit_trail.parse(s3.get_object(Bucket="gatehouse-evidence", Key=thing["Key"])["Body"].read())
        for thing in found
    ]


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


def refused_sign_in() -> int:
    """Somebody with a token of another issuer asks for the list of approvals."""
    http = {
        "method": "GET",
        "path": "/api/approvals",
        "sourceIp": "203.0.113.7",
        "protocol": "HTTP/1.1",
        "userAgent": "x",
    }
    claims = {"sub": "mallory", "iss": "https://other.example"}
    event = {
        "version": "2.0",
        "rawPath": "/api/approvals",
        "headers": {"authorization": f"Bearer {token(claims)}"},
        "requestContext": {
            "http": http,
            "stage": "$default",
            "authorizer": {"jwt": {"claims": claims, "scopes": None}},
        },
    }
    status: int = approvals_web(event, aws_environment.context())["statusCode"]
    return status


def test_a_sign_in_that_is_refused_is_in_the_trail() -> None:
    assert refused_sign_in() == 401
    (made,) = kept()
    assert (made.category, made.type, made.result, made.actor) == ("sign_in", "refuse", "refused", "203.0.113.7")
    assert made.subject == "GET /api/approvals"
    assert "another issuer" in made.reason


def test_a_sign_in_is_refused_even_if_the_trail_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")

    monkeypatch.setattr(aws.client("s3"), "put_object", refuse)
    assert refused_sign_in() == 401
