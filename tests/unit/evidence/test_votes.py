"""A vote's signature cannot be cut out and moved (21 CFR 11.70)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests import records
from tests.records import altered, approval, vote
from workflows.admission.contracts import Decision
from workflows.approval.signature import NameSource, OnBehalfOf, SignedVote
from workflows.evidence import votes
from workflows.evidence.errors import EvidenceInvalid


def check(cast: SignedVote, decision: Decision | None = None, of: str = "pump-0042") -> None:
    decision = decision or approval(cast, of=of)
    votes.check(
        cast,
        decision,
        certificate_id=records.certificate_id(of),
        basis_sha256=decision.basis_sha256,
        keys=records.keys(),
    )


def test_a_vote_as_it_was_cast() -> None:
    check(vote())


CHANGES: dict[str, Any] = {
    "subject": "0000",
    "name": "Mallory",
    "groups": ("security",),
    "decision": "reject",
    "meaning": "something else",
    "reason": "another",
    "voted_at": records.NOW + timedelta(days=1),
    "signed_in_at": None,
    "authentication_methods": ("pwd",),
    "on_behalf_of": OnBehalfOf(
        delegation_id="0" * 32, subject="ada", name="Ada", group="quality", until=records.NOW + timedelta(days=1)
    ),
    "name_from": NameSource(issuer="https://issuer.example", claim="name", issued_at=records.NOW),
}


@pytest.mark.parametrize("field", CHANGES)
def test_every_part_of_a_vote_is_bound(field: str) -> None:
    with pytest.raises(EvidenceInvalid, match="does not carry its signer's signature"):
        check(altered(vote(), **{field: CHANGES[field]}))


@pytest.mark.parametrize(
    "instead",
    [
        None,
        altered(CHANGES["on_behalf_of"], subject="kim"),
        altered(CHANGES["on_behalf_of"], until=records.NOW + timedelta(days=9)),
    ],
)
def test_for_whom_a_vote_was_cast_is_bound(instead: OnBehalfOf | None) -> None:
    delegated = vote(on_behalf_of=CHANGES["on_behalf_of"])
    check(delegated)
    with pytest.raises(EvidenceInvalid, match="does not carry its signer's signature"):
        check(altered(delegated, on_behalf_of=instead))


@pytest.mark.parametrize("behalf", [None, CHANGES["on_behalf_of"]])
@pytest.mark.parametrize(
    "instead",
    [
        None,
        altered(CHANGES["name_from"], issuer="https://evil.example"),
        altered(CHANGES["name_from"], claim="email"),
        altered(CHANGES["name_from"], issued_at=None),
    ],
)
def test_where_the_name_comes_from_is_bound(instead: NameSource | None, behalf: OnBehalfOf | None) -> None:
    named = vote(name_from=CHANGES["name_from"], on_behalf_of=behalf)
    check(named)
    with pytest.raises(EvidenceInvalid, match="does not carry its signer's signature"):
        check(altered(named, name_from=instead))


def test_no_field_of_a_vote_is_left_unbound() -> None:
    """A field that is added must be bound as well, in a format of its own: see `votes.FORMAT`."""
    tested = set(CHANGES) | {"basis_sha256", "certificate_id", "signature"}
    assert tested == {field.name for field in msgspec.structs.fields(SignedVote)}


def test_a_vote_moved_to_another_certificate() -> None:
    with pytest.raises(EvidenceInvalid, match="was cast on certificate"):
        check(vote(), of="pump-0043")


def test_a_vote_moved_to_another_certificate_and_rewritten_to_fit() -> None:
    moved = altered(
        vote(),
        certificate_id=records.certificate_id("pump-0043"),
        basis_sha256=vote(of="pump-0043").basis_sha256,
    )
    with pytest.raises(EvidenceInvalid, match="does not carry its signer's signature"):
        check(moved, of="pump-0043")


def test_a_vote_moved_to_a_later_request_on_the_same_certificate() -> None:
    later = altered(approval(vote()), approval_id="approval-again")
    with pytest.raises(EvidenceInvalid, match="on this request"):
        check(vote(), later)


def test_a_vote_cast_on_another_basis() -> None:
    with pytest.raises(EvidenceInvalid, match="was cast on basis"):
        check(vote(), altered(approval(vote()), basis_sha256="0" * 64))


@pytest.mark.parametrize("signature", [None, "", "a.b.c", "é..é", "e30..AA"])
def test_a_vote_without_a_proper_signature(signature: str | None) -> None:
    with pytest.raises(EvidenceInvalid, match="signature"):
        check(altered(vote(), signature=signature))


def test_a_record_s_signature_is_no_vote_s() -> None:
    """Our own key signed it, but as something else."""
    cast = vote()
    header = records.header("gatehouse-record+json")
    resigned = votes.signed(cast, "approval-pump-0042", protected_header=header, sign=records.signer())
    with pytest.raises(EvidenceInvalid, match="gatehouse-vote"):
        check(resigned)
