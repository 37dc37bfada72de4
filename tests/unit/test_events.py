"""Every event of Gatehouse's own: one list, one shape wherever it is put, and documents and template that agree with it."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests import pki
from tests.approvals import NOW, asked, request
from tests.deployed import template
from tests.unit.admission.examples import CERTIFICATE
from tests.unit.admission.test_notification import FAILED, ended
from workflows import events
from workflows.admission import notification
from workflows.approval import events as approval_events
from workflows.approval import notices, wording
from workflows.errors import BadInput
from workflows.events import EVENTS, SOURCE, Event
from workflows.notifications import messages
from workflows.revocation.ca_revocation import AuthorityRevocation

ROOT = Path(__file__).parents[2]
LINK = "https://approvals.example/approvals/1"
GIVEN = asked()
CHECKS = wording.checks(GIVEN.certificate, GIVEN.revocation, GIVEN.device)
WITHDRAWN = events.RevocationWithdrawn(certificate_id="a" * 64, serial="1a", device="pump-0042", reason="on hold")
SWEPT = events.SweepEnded(
    issuer_key="b" * 64,
    list_sha256="c" * 64,
    list_number="7",
    newly_listed=2,
    revoked=2,
    still_open=0,
    left=0,
    released=0,
    authority=None,
    execution_arn="arn:e",
    at=pki.NOW,
)
AUTHORITY = AuthorityRevocation(
    ca_certificate_id="d" * 64,
    subject="CN=Plant CA",
    issuer_key="b" * 64,
    by="arn:aws:sts::1:assumed-role/Operator/ida",
    reason="found on a laptop",
    at=pki.NOW,
    trail_id="e" * 32,
)
DUE: tuple[notices.Kind, ...] = ("reminder", "escalation", "approved", "expired", "not_carried_out")
EXAMPLES: list[Event] = [
    notification.event(ended()),
    notification.failed(FAILED, CERTIFICATE, None, at=pki.NOW),
    approval_events.requested(request(), CHECKS, LINK, at=NOW),
    *(approval_events.due(request(), kind, LINK, at=NOW) for kind in DUE),
    events.CertificateRevoked(item={"certificate_id": CERTIFICATE}, device="pump-0042", evidence_key="records/x.json"),
    WITHDRAWN,
    SWEPT,
    events.RevocationListRejected(
        incoming="incoming/x/y", clause="profile: size", reason="large", sha256=None, at=pki.NOW
    ),
]


def delivered(event: Event) -> str:
    """As EventBridge delivers it (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html)."""
    detail = msgspec.to_builtins(event)
    return json.dumps({"version": "0", "source": SOURCE, "detail-type": event.detail_type, "detail": detail})


def test_there_is_an_example_of_each() -> None:
    assert {type(event) for event in EXAMPLES} == set(EVENTS.values())


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_what_is_delivered_is_what_was_put(event: Event) -> None:
    assert events.read(delivered(event)) == event


@pytest.mark.parametrize(
    ("source", "detail_type"), [("aws.s3", "Admission ended"), ("gatehouse", "Object Created"), ("Gatehouse", "")]
)
def test_another_event_is_refused(source: str, detail_type: str) -> None:
    with pytest.raises(BadInput, match="expected one of Admission ended"):
        events.read(json.dumps({"source": source, "detail-type": detail_type, "detail": {}}))


def test_the_rule_queues_those_that_people_are_told_of() -> None:
    pattern = template()["Resources"]["TellRule"]["Properties"]["EventPattern"]
    assert pattern["source"] == [SOURCE]
    assert pattern["detail-type"] == [name for name, kind in EVENTS.items() if kind.for_people]


def test_the_document_lists_each_event_with_its_fields() -> None:
    text = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    found = dict(re.findall(r"^### (.+)\n\n(?:.+\n)+\n((?:- `.+\n(?:  .+\n)*)+)", text, flags=re.MULTILINE))
    assert list(found) == list(EVENTS)
    common = re.findall(r"^- `(\w+)`", text.partition("## Of a request")[2].partition("\n### ")[0], flags=re.MULTILINE)
    for name, fields in found.items():
        listed = re.findall(r"^- `(\w+)`", fields, flags=re.MULTILINE)
        every = [*common, *listed] if issubclass(EVENTS[name], events.ApprovalEvent) else listed
        assert sorted(every) == sorted(EVENTS[name].__struct_fields__), name


def test_nothing_else_names_a_detail_type() -> None:
    """Whoever puts an event makes one of these: its shape cannot drift."""
    apart = ("functions/shared/event_bus.py", "gatehouse/local_cloud/", "workflows/events.py", STORY)
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for room in ("workflows", "functions", "gatehouse")
        for path in (ROOT / room).rglob("*.py")
        if not str(path.relative_to(ROOT)).startswith(apart)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in {*EVENTS, "DetailType"}
    ]
    assert found == []


STORY = "workflows/evidence/story.py"
"""Names a line of the printed record, which is called like an event."""

SWEEPS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["sweep_ended"]),
    ({"revoked": 0}, []),
    ({"revoked": 0, "left": 1}, ["sweep_ended"]),
    ({"revoked": 0, "still_open": 1}, []),
    ({"authority": AUTHORITY}, ["sweep_ended"]),
    ({"authority": AUTHORITY, "revoked": 0, "still_open": 3}, []),
    ({"revoked": 0, "released": 1, "withdrawn": (WITHDRAWN,)}, ["revocation_withdrawn"]),
    ({"released": 1, "withdrawn": (WITHDRAWN,)}, ["sweep_ended", "revocation_withdrawn"]),
]


@pytest.mark.parametrize(("unusual", "kinds"), SWEEPS)
def test_a_sweep_is_told_if_it_did_something(unusual: dict[str, Any], kinds: list[str]) -> None:
    assert [one.kind for one in messages(msgspec.structs.replace(SWEPT, **unusual))] == kinds


def test_of_many_withdrawn_revocations_some_are_named_and_all_are_counted() -> None:
    [said] = messages(msgspec.structs.replace(SWEPT, revoked=0, released=300, withdrawn=(WITHDRAWN,) * 20))
    assert said.subject.startswith("Gatehouse: 300 revocations were withdrawn")
    assert said.text.count(WITHDRAWN.certificate_id) == 20
    assert "\n…\n" in said.text


EVIL = "x\r\nBcc: mal@evil.example\u202e\x1b[31m" + "y" * 500


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_whoever_puts_an_event_makes_no_line_of_a_message_and_no_header(event: Event) -> None:
    """Others in the account may put events too."""
    texts = {name: EVIL for name, field in msgspec.structs.asdict(event).items() if isinstance(field, str)}
    texts = {name: text for name, text in texts.items() if name not in {"outcome", "status"}}
    for usual, forged in zip(messages(event), messages(msgspec.structs.replace(event, **texts)), strict=True):
        assert forged.subject.isascii()
        assert forged.subject.isprintable()
        assert len(forged.subject) < 100
        assert len(forged.text.split("\n")) == len(usual.text.split("\n"))
        assert all(line.isprintable() for line in forged.text.split("\n"))
