"""Stored JSON is read, or refused with one error, whatever it holds; and so by each of its readers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from gatehouse.console import graph, payloads
from gatehouse.console.errors import DefinitionUnreadable
from tests import pki, records, trials
from workflows import stored
from workflows.admission import failure, trial
from workflows.admission.contracts import Execution
from workflows.canonical import canonical
from workflows.errors import BadInput
from workflows.evidence import audit_trail, jws, manifest, record
from workflows.evidence.errors import EvidenceInvalid
from workflows.moments import Moment
from workflows.revocation import ca_revocation, index
from workflows.revocation import current_lists as lists
from workflows.revocation.errors import CrlIndexUnusable
from workflows.revocation.sweep import Item, Question


class Kind(Struct, frozen=True, kw_only=True):
    at: Moment | None = None
    value: Any = None


DEEP = b"[" * 3_000 + b"]" * 3_000
HOSTILE: dict[str, bytes] = {
    "nested 3,000 deep": b'{"value":' + DEEP + b"}",
    "nested 100,000 deep and not closed": b'{"value":' + b'{"a":[' * 50_000,
    "nested in a member that nobody reads": b'{"other":' + DEEP + b"}",
    "a time without a zone": b'{"at":"2026-11-23T12:00:00"}',
    "not UTF-8": b'{"value":"\xff"}',
    "UTF-16": '{"value":1}'.encode("utf-16"),
    "a member twice": b'{"value":1,"value":2}',
    "a member twice within": b'{"value":[{"a":1,"a":1}]}',
    "a member twice in another spelling": b'{"value":1,"v\\u0061lue":2}',
    "NaN": b'{"value":NaN}',
    "1e999": b'{"value":1e999}',
    "5,000 digits": b'{"value":' + b"9" * 5_000 + b"}",
    "half a surrogate pair": b'{"value":"\\ud800"}',
    "17 MB": b'{"value":"' + b"x" * 17 * 2**20 + b'"}',
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_refused_with_one_error(name: str) -> None:
    with pytest.raises(stored.Unreadable):
        stored.read(HOSTILE[name], Kind)


def test_depth_is_counted_outside_of_text() -> None:
    deepest: Any = 1
    for _ in range(stored.MAX_DEPTH - 1):
        deepest = [deepest]
    assert stored.read(json.dumps({"value": deepest}), Kind).value == deepest
    with pytest.raises(stored.Unreadable, match="nested more than 100 deep"):
        stored.read(json.dumps({"value": [deepest]}), Kind)
    brackets = '["\\' * 1_000
    assert stored.read(json.dumps({"value": brackets}), Kind).value == brackets
    wide: list[Any] = [[]] * 1_000
    assert stored.read(json.dumps({"value": wide}), Kind).value == wide


plain_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(plain_json)
def test_what_is_plain_is_read_as_it_is(value: Any) -> None:
    assert stored.read(json.dumps({"value": value}), Kind).value == json.loads(json.dumps(value))


NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHA = "ab" * 32
ORDER = ca_revocation.write(
    ca_revocation.Order(
        revocation=ca_revocation.AuthorityRevocation(
            ca_certificate_id=SHA,
            issuer_key=SHA,
            subject="CN=Works CA",
            by="erin",
            reason="stolen",
            at=NOW,
            trail_id="0" * 32,
        )
    )
)
TRIALS_CA = trials.authority()
TRIAL = trials.of(TRIALS_CA, pki.device(TRIALS_CA))
LISTS = lists.write(lists.CurrentLists(issuer_key=SHA))
ENDED = {
    "detail": {
        "executionArn": "arn:aws:states:eu-west-1:111122223333:execution:Admission:one",
        "name": "one",
        "status": "FAILED",
        "startDate": 1,
        "stopDate": 2,
    }
}


def _failure(data: bytes) -> None:
    ended = failure.read(ENDED)
    text = data.decode("utf-8", "replace")
    failure.certificate_of(records.altered(ended, input=text))


READERS: dict[str, tuple[Callable[[bytes], object], type[Exception], bytes]] = {
    "a sealed file": (jws.parse, EvidenceInvalid, records.sealed(records.admission())),
    "a record": (record.parse, EvidenceInvalid, canonical(records.admission())),
    "a day's manifest": (manifest.parse, EvidenceInvalid, jws.parse(records.days({}, count=1).popitem()[1])[1]),
    "a trail entry": (audit_trail.parse, EvidenceInvalid, canonical(records.trail_entry())),
    "an order to revoke a CA": (lambda data: ca_revocation.read(data, SHA), ca_revocation.OrderInvalid, ORDER),
    "the note of a trial": (
        lambda data: trial.read(data, trial.key_of(TRIAL.ca_certificate_id)),
        trial.TrialInvalid,
        trial.write(TRIAL),
    ),
    "current lists": (lambda data: lists.read(data, SHA), lists.CurrentListsInvalid, LISTS),
    "what became of a list": (lists.read_result, stored.Unreadable, b'{"status":"rejected","incoming":"x"}'),
    "the head of an index": (
        lambda data: index._bound(b"\0" * 40 + len(data).to_bytes(4, "big") + data),
        CrlIndexUnusable,
        b'{"issuer":"00"}',
    ),
    "a sweep's items": (lambda data: stored.read(data, list[Item]), stored.Unreadable, b"[]"),
    "a sweep's questions": (lambda data: stored.read(data, list[Question]), stored.Unreadable, b"[]"),
    "the input of an execution that failed": (_failure, BadInput, b'{"certificateId":"x"}'),
    "a state machine's definition": (
        lambda data: graph.read(data.decode("utf-8", "replace")),
        DefinitionUnreadable,
        b'{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}',
    ),
    "a state's input in the console": (
        lambda data: payloads._parsed(data.decode("utf-8", "replace")),
        BadInput,
        b'{"certificateId":"x"}',
    ),
}


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_no_reader_raises_anything_but_its_own_error(name: str, data: st.DataObject) -> None:
    """Bytes without sense, JSON that attacks, and what it reads every day with some bytes exchanged."""
    read, error, usual = READERS[name]
    text = data.draw(st.sampled_from([usual, *HOSTILE.values()]) | st.binary(max_size=100))
    at, patch = data.draw(st.integers(0, min(len(text), 2_000))), data.draw(st.binary(max_size=4) | st.just(DEEP))
    try:
        read(text[:at] + patch + text[at + len(patch) % 5 :])
    except error:
        return


@pytest.mark.parametrize("name", READERS)
def test_each_reader_survives_each_attack(name: str) -> None:
    read, error, _ = READERS[name]
    for hostile in HOSTILE.values():
        try:
            read(hostile)
        except error:
            continue


def test_an_execution_is_none_without_a_zone() -> None:
    with pytest.raises(stored.Unreadable, match="timezone"):
        stored.read(b'{"arn":"x","name":"x","started_at":"2026-11-23T12:00:00"}', Execution)
