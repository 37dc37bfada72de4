"""What the page is told, question by question."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from gatehouse.revocation import authorities, orders
from gatehouse.revocation.authorities import RegisteredCa
from tests import aws_environment, pki
from tests.web.console.conftest import HOSTILE, Stack, certificate
from tests.web.console.stories import TOKEN, arn
from tests.web.console.visitor import Visitor
from workflows.admission.issuers import fingerprint
from workflows.revocation.ca_revocation import AuthorityRevocation, Order


def test_session_says_what_is_looked_at_and_what_may_be_done(visitor: Visitor) -> None:
    session = visitor.json("/api/session")
    assert (session["target"], session["account"], session["region"]) == ("aws", "123456789012", "eu-west-1")
    assert session["redrive_allowed"] is True


def test_funnel_counts_knocks_claims_and_where_they_stand(visitor: Visitor, stack: Stack) -> None:
    aws_environment.client("sqs").send_message(QueueUrl=stack.output("RuleErrorQueueUrl"), MessageBody="{}")
    assert visitor.json("/api/fleet") == {
        "knocks": 7,
        "claimed": 5,
        "open": 1,
        "waiting": 1,
        "admitted": 1,
        "refused": 1,
        "held": 1,
        "failed": 1,
        "not_started": 1,
        "complete": True,
    }


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"outcome": "held"}, [5]),
        ({"q": "pump-0001"}, [2]),
        ({"q": "UMP-000"}, [2]),
        ({"q": "  gateway-0006 "}, [3]),
        ({"q": certificate(3)}, [3]),
        ({"q": certificate(4)[:8]}, [4]),
        ({"q": certificate(4)[:8], "outcome": "held"}, []),
        ({"q": certificate(4)[:4]}, []),
        ({"q": "f" * 64}, []),
        ({"q": HOSTILE}, [4]),
    ],
)
def test_search_by_device_certificate_and_outcome(visitor: Visitor, query: dict[str, str], numbers: list[int]) -> None:
    found = visitor.json(f"/api/admissions?{urlencode(query)}")
    assert [one["certificate_id"] for one in found["admissions"]] == [certificate(number) for number in numbers]


def test_admission_comes_with_its_requests_and_every_sealed_execution(visitor: Visitor, stack: Stack) -> None:
    for name in ("first", "waiting"):
        key = f"records/{certificate(1)}/{name}.json"
        aws_environment.client("s3").put_object(Bucket=stack.output("EvidenceBucket"), Key=key, Body=b"{}")
    found = visitor.json(f"/api/admission?certificate={certificate(1)}")
    assert found["admission"]["outcome"] == "open"
    assert [one["status"] for one in found["approvals"]] == ["PENDING"]
    assert set(found["sealed"]) == {arn("first"), arn("waiting")}
    assert found["aws_console"].startswith("https://eu-west-1.console.aws.amazon.com/")


def test_request_is_shown_without_what_only_the_backend_needs(visitor: Visitor) -> None:
    (pending,) = visitor.json("/api/approvals")["pending"]
    assert pending["device"] == "pump-0002"
    assert not {"token_sha256", "snapshot_sha256"} & set(pending)


def test_decision_that_was_never_carried_out_is_shown(visitor: Visitor) -> None:
    (owed,) = visitor.json("/api/approvals")["owed"]
    assert (owed["resume_state"], owed["lost_because"]) == ("LOST", "its execution had ended")


def test_execution_tells_its_way_in_all_its_pages_of_history(visitor: Visitor, stack: Stack) -> None:
    found = visitor.json(f"/api/execution?arn={quote(arn('rolled-back'))}")
    assert (found["status"], found["redrivable"], found["certificate_id"]) == ("FAILED", True, certificate(3))
    assert len(found["lines"]) == len(stack.sfn.stories[arn("rolled-back")].events) > 20
    assert {"source": "Attach policy", "target": "Roll back", "caught": True} in found["taken"]


def test_task_token_never_reaches_the_page(visitor: Visitor, stack: Stack) -> None:
    where = quote(arn("waiting"))
    run = visitor.json(f"/api/execution?arn={where}")
    answers = [run, visitor.json(f"/api/graph?arn={where}")]
    answers += [visitor.json(f"/api/visit?arn={where}&number={visit['number']}") for visit in run["visits"]]
    answers += [visitor.json(f"/api/event?arn={where}&number={line['id']}") for line in run["lines"]]
    assert TOKEN in json.dumps(stack.sfn.stories[arn("waiting")].events, default=str)
    assert TOKEN not in json.dumps(answers)


def test_list_of_executions_shows_those_without_an_admission_too(visitor: Visitor) -> None:
    assert {one["name"] for one in visitor.json("/api/executions?status=FAILED")} == {"rolled-back", "stopped"}


def test_many_looks_cost_aws_one_call(visitor: Visitor, stack: Stack) -> None:
    for _ in range(5):
        visitor.json(f"/api/execution?arn={quote(arn('waiting'))}")
        visitor.json(f"/api/visit?arn={quote(arn('waiting'))}&number=0")
    assert stack.sfn.asked.count("get_execution_history") == 1
    assert stack.sfn.asked.count("describe_execution") == 1


def test_ca_without_its_certificate_or_without_a_list_is_a_problem(
    visitor: Visitor, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = pki.authority()
    known = RegisteredCa(
        ca_certificate_id="c" * 64,
        subject="CN=Works CA",
        issuer_key="d" * 64,
        status="ACTIVE",
        auto_registration=True,
        mode="DEFAULT",
        valid_until=pki.NOW,
    )
    kept_id = fingerprint(ca.certificate)
    kept = msgspec.structs.replace(known, ca_certificate_id=kept_id)
    monkeypatch.setattr(authorities, "list_all", lambda _: iter([known, kept]))
    aws_environment.client("s3").put_object(
        Bucket=stack.output("CrlBucket"), Key=f"issuers/{kept_id}.pem", Body=ca.pem.encode()
    )
    order = AuthorityRevocation(
        ca_certificate_id=kept_id, subject="CN=Works CA", issuer_key="d" * 64, by="arn:aws:iam::1:user/ada", reason="x", at=pki.NOW,
        trail_id="7" * 32,
    )  # fmt: skip
    orders.write(stack, Order(revocation=order), None)
    without_certificate, without_list = visitor.json("/api/lists")
    assert without_certificate["revocation"] is None
    assert "being revoked; arn:aws:iam::1:user/ada ordered it" in without_list["revocation"]
    assert "No certificate of the CA" in without_certificate["problem"]
    assert "No list of this CA is published" in without_list["problem"]
    assert (without_list["lists"], without_list["subject"]) == ([], "CN=Works CA")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/nothing", 404, "There is no /api/nothing"),
        ("/api/execution", 400, "arn is missing"),
        (
            "/api/execution?arn=arn:aws:states:eu-west-1:123456789012:execution:Payroll:x",
            400,
            "expected an execution of this stack",
        ),
        (f"/api/execution?arn={quote(arn('nobody'))}", 502, "Does Not Exist"),
        (f"/api/visit?arn={quote(arn('waiting'))}&number=99", 404, "There is no number 99"),
        (f"/api/visit?arn={quote(arn('waiting'))}&number=-1", 400, "expected digits"),
        (f"/api/event?arn={quote(arn('waiting'))}&number=999", 404, "no event 999"),
        ("/api/admissions?outcome=lost", 400, "expected one of open, admitted"),
        ("/api/executions?status=lost", 400, "expected one of RUNNING"),
        ("/api/admission?certificate=unknown", 404, "No admission of certificate"),
    ],
)
def test_question_that_cannot_be_answered_is_told_why(visitor: Visitor, path: str, status: int, words: str) -> None:
    got, _, content = visitor.get(path)
    answer: dict[str, Any] = json.loads(content)
    assert (got, words in answer["error"]) == (status, True), answer
