"""The record: complete, described by its published schema, and told apart from another."""

import json
from datetime import timedelta
from pathlib import Path

import jsonschema
import msgspec
import pytest

from gatehouse.evidence.telling import tell
from tests import records
from workflows.canonical import canonical
from workflows.evidence import jws, schema
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.record import (
    ActRecord,
    AdmissionRecord,
    Link,
    Record,
    key_of,
    latest_after,
    parse,
    revoked,
    says_the_same,
)
from workflows.evidence.verify import verify_record
from workflows.revocation.ca_revocation import AuthorityRevocation
from workflows.revocation.sweep import AuthorityItem

KEPT = Path(__file__).parent / "kept"
ACT = ActRecord(
    key=key_of(records.certificate_id(), "revoked-1"),
    certificate_id=records.certificate_id(),
    device="pump-0042",
    reason="on list 13",
    sealed_at=records.NOW,
    code_version="4567def",
    previous=None,
    device_previous=None,
    act="revoked",
    by="sweep",
    outcome="admitted",
    before={"certificate_status": "ACTIVE"},
    after={"certificate_status": "REVOKED"},
)
OF_A_CA = revoked(
    AuthorityItem(
        certificate_id=records.certificate_id(),
        authority=AuthorityRevocation(
            ca_certificate_id="c" * 64,
            subject="CN=Works CA",
            issuer_key="e" * 64,
            by="arn:aws:iam::123456789012:user/ada",
            reason="its key was copied",
            at=records.NOW,
            trail_id="7" * 32,
        ),
    ),
    None,
    at=records.NOW,
    code_version="4567def",
    previous=None,
)
EACH: list[Record] = [
    records.admission(dossier=records.dossier(approved=records.approval(records.vote()))),
    ACT,
    OF_A_CA,
]


@pytest.mark.parametrize("name", schema.FILES)
def test_the_published_schema_is_that_of_the_types(name: str) -> None:
    """Change of a type: run ``python -m workflows.evidence.schema`` and look at what it did to the files."""
    title, kind = schema.FILES[name]
    kept = Path(schema.__file__).with_name(name).read_bytes()
    assert kept == schema.schema(title, kind)


@pytest.mark.parametrize("made", EACH, ids=["admission", "act", "act of a CA"])
def test_a_record_fits_the_published_schema(made: Record) -> None:
    """By another validator than the one that made it."""
    published = json.loads(Path(schema.__file__).with_name("record-1.schema.json").read_bytes())
    jsonschema.validators.validator_for(published).check_schema(published)
    jsonschema.validate(json.loads(canonical(made)), published)


@pytest.mark.parametrize("made", EACH, ids=["admission", "act", "act of a CA"])
def test_a_record_is_read_back_as_it_was(made: Record) -> None:
    assert parse(canonical(made)) == made


def test_a_revoked_ca_says_in_each_certificates_record_who_and_why() -> None:
    when = f"{records.NOW:%Y-%m-%d %H:%M:%S}Z"
    by = "arn:aws:iam::123456789012:user/ada"
    assert OF_A_CA.reason == f"the CA CN=Works CA was revoked on {when} by {by}: its key was copied"
    told = {section.title: section.facts for section in tell(OF_A_CA)}
    assert told["The CA that was revoked"]["by"] == by
    assert told["The CA that was revoked"]["trail id"] == "7" * 32


def test_what_a_later_version_adds_is_let_through() -> None:
    plain = msgspec.to_builtins(EACH[0]) | {"added_later": 1}
    assert parse(canonical(plain)) == EACH[0]


@pytest.mark.parametrize(
    "change", [{"format": "gatehouse.evidence/2"}, {"certificate_id": "x"}, {"kind": "other"}, {"outcome": "maybe"}]
)
def test_what_breaks_the_schema_is_named(change: dict[str, str]) -> None:
    with pytest.raises(EvidenceInvalid, match=next(iter(change))):
        parse(canonical(msgspec.to_builtins(EACH[0]) | change))


def test_the_same_end_is_known_again_whenever_it_was_sealed() -> None:
    one = records.admission()
    assert says_the_same(one, records.altered(one, sealed_at=one.sealed_at + timedelta(days=1), code_version="newer"))
    for change in ({"outcome": "held"}, {"reason": "x"}, {"execution": records.execution("two")}, {"device": None}):
        assert not says_the_same(one, records.altered(one, **change))


def test_the_device_is_what_the_last_look_at_the_inventory_found() -> None:
    first, again = records.dossier("pump-0042"), records.dossier("pump-0043")
    assert records.admission(dossier=records.altered(first, device_again=again.device)).device == "pump-0043"
    assert records.admission(dossier=records.altered(first, device=None)).device is None


def test_a_record_that_was_kept_is_still_read_and_verified() -> None:
    """Sealed in the form of 0.2.0, in which a signature has one form. Never made anew after that.

    A version that cannot read this file cannot read its users' evidence.
    """
    keys = jws.Keys(jws.read_key((KEPT / "public-key.pem").read_bytes()))
    made = verify_record((KEPT / "record-1.json").read_bytes(), keys)
    assert isinstance(made, AdmissionRecord)
    assert made.dossier.approval is not None
    assert made.dossier.approval.votes[0].name == "Ada Quality"


HERE, EARLIER, LATER = (Link(key=f"records/x/{name}.json", sha256=name * 64) for name in "abc")


@pytest.mark.parametrize(
    ("previous", "before", "latest"),
    [
        (None, None, HERE),  # the certificate's first record
        (EARLIER, EARLIER, HERE),  # chained to the latest, as each record is at first
        (EARLIER, HERE, HERE),  # a repeat after the row already named it
        (EARLIER, LATER, LATER),  # stored by an earlier try; another record was chained to it since
        (None, LATER, LATER),
    ],
)
def test_a_repeat_takes_no_later_record_out_of_the_chain(
    previous: Link | None, before: Link | None, latest: Link
) -> None:
    kept = msgspec.structs.replace(ACT, previous=previous)
    assert latest_after(kept, HERE, before) == latest
