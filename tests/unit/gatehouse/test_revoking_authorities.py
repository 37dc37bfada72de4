"""`gatehouse ca revoke`: what it says beforehand, what it orders, and that it can be said again."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gatehouse.errors import AnsweredNo
from gatehouse.revocation import authorities as authority
from gatehouse.revocation import ca_revocation, orders
from gatehouse.stack.target import Target
from tests import aws_environment, pki
from tests.unit.gatehouse.commands import answer, enter, entries, lose_the_trail, run
from tests.unit.gatehouse.test_authority import key_of
from workflows.revocation import ca_revocation as authorities
from workflows.revocation.ca_revocation import Order

NOW = datetime.now(UTC)
WHY = ("--reason", "Key copied from the signing host")
AUTHORITY = pki.authority(not_before=NOW - pki.DAY, not_after=NOW + pki.YEAR)


@pytest.fixture
def registered(target: Target) -> list[str]:
    """The CAs' ids, for ListCACertificates, which moto has not."""
    found: list[str] = []
    target.client("iot").list_ca_certificates = lambda **_: {"certificates": [{"certificateId": one} for one in found]}
    return found


@pytest.fixture
def ca(registered: list[str]) -> str:
    registered.append(aws_environment.register_ca(AUTHORITY))
    return registered[0]


@pytest.fixture
def device(target: Target) -> Callable[..., str]:
    """Registers a certificate of the CA in that status; its admission with that outcome, if any."""

    def register(name: str, status: str, outcome: str | None = None, **row: str) -> str:
        certificate = pki.device(AUTHORITY, name, not_before=NOW - pki.DAY, not_after=NOW + pki.DAY)
        aws_environment.register_device(certificate, AUTHORITY, status)
        certificate_id = aws_environment.certificate_id(certificate)
        if outcome is not None:
            row |= {"certificate_id": certificate_id, "outcome": outcome, "claimed_at": NOW.isoformat()}
            enter(target, "AdmissionsTable", [row])
        return certificate_id

    return register


def order(target: Target, ca: str) -> Order:
    key = authorities.key_of(ca)
    data = target.client("s3").get_object(Bucket=target.output("CrlBucket"), Key=key)["Body"].read()
    return authorities.read(data, ca)


def executions(target: Target) -> list[dict[str, Any]]:
    sfn = target.client("stepfunctions")
    found = sfn.list_executions(stateMachineArn=target.output("SweepMachineArn"))["executions"]
    return [sfn.describe_execution(executionArn=one["executionArn"]) for one in found]


def test_dry_run_says_what_it_takes_and_changes_nothing(target: Target, ca: str, device: Callable[..., str]) -> None:
    device("admitted", "ACTIVE", "admitted")
    device("open", "PENDING_ACTIVATION", "open")
    device("stranger", "ACTIVE")
    device("refused", "INACTIVE", "refused")
    device("gone", "REVOKED", "refused")
    plan = answer("ca", "revoke", ca, *WHY, "--dry-run")["plan"]
    assert plan["certificates"] == {"ACTIVE": 2, "PENDING_ACTIVATION": 1, "INACTIVE": 1, "REVOKED": 1}
    assert (plan["revokes"], plan["admissions"]) == (4, {"admitted": 1, "open": 1, "refused": 1})
    assert plan["iot_calls"] == {"UpdateCertificate": 4, "ListCertificatesByCA": 1}
    assert plan["seconds_contended"] >= plan["seconds_alone"] > 0
    assert (plan["ordered"], plan["same_key"], plan["unfinished"]) == (None, [], 0)
    told = run("ca", "revoke", ca, *WHY, "--dry-run")
    assert "would be revoked" in told.stdout
    assert "nothing was changed" in told.stderr
    assert "each connection until some minutes after" in told.stderr
    assert entries(target, "revoke") == []
    assert (
        target.client("iot").describe_ca_certificate(certificateId=ca)["certificateDescription"]["status"] == "ACTIVE"
    )
    assert executions(target) == []


def test_it_disables_orders_and_starts_the_sweep_in_the_operators_name(target: Target, ca: str) -> None:
    done = answer("ca", "revoke", ca, *WHY, "--yes")["started"]
    assert done["authority"]["status"] == "INACTIVE"
    assert [one.result for one in entries(target, "disable")] == ["begun", "succeeded"]
    begun, succeeded = entries(target, "revoke")
    assert (begun.category, begun.subject, begun.reason) == ("authority", ca, "Key copied from the signing host")
    kept = order(target, ca).revocation
    assert (kept.by, kept.reason, kept.trail_id) == (begun.actor, begun.reason, begun.id)
    assert kept.issuer_key == done["authority"]["issuer_key"]
    [started] = executions(target)
    assert started["name"].startswith(kept.executions)
    assert json.loads(started["input"]) == {"issuer_key": kept.issuer_key, "authority": ca}
    assert succeeded.new["execution"] == started["executionArn"] == done["execution"]


def test_a_second_time_goes_on_with_the_first_order(target: Target, ca: str, device: Callable[..., str]) -> None:
    answer("ca", "revoke", ca, *WHY, "--yes")
    again = answer("ca", "revoke", ca, "--reason", "Another reason", "--yes")
    assert again["started"]["resumed"] is True
    assert (
        again["plan"]["ordered"]["reason"] == order(target, ca).revocation.reason == "Key copied from the signing host"
    )
    assert len(executions(target)) == 1, "it runs"
    target.client("stepfunctions").stop_execution(executionArn=again["started"]["execution"])
    mark = order(target, ca).revocation.mark
    device("half", "REVOKED", "admitted", revoked_by=mark)
    told = run("ca", "revoke", ca, *WHY, "--dry-run").stderr
    assert "That goes on" in told
    assert "Not yet sealed, of those that are REVOKED: 1" in told


def test_one_that_is_done_is_ordered_anew(target: Target, ca: str) -> None:
    answer("ca", "revoke", ca, *WHY, "--yes")
    first = order(target, ca).revocation
    ca_revocation.end(target, ca, first)
    again = answer("ca", "revoke", ca, "--reason", "Once more", "--yes")["started"]
    assert again["resumed"] is False
    assert order(target, ca).revocation.trail_id != first.trail_id
    assert len(executions(target)) == 2


def test_enabling_it_again_ends_what_is_owed(target: Target, ca: str) -> None:
    """Otherwise the sweep would come back for every device that registers from now on."""
    answer("ca", "revoke", ca, *WHY, "--yes")
    assert "is owed no more" in run("ca", "enable", ca, "--reason", "A mistake", "--yes").stderr
    assert order(target, ca).ended_at is not None
    assert "is owed no more" not in run("ca", "enable", ca, "--reason", "A mistake", "--yes").stderr


def test_registering_it_again_is_refused_until_the_order_is_ended(target: Target, ca: str) -> None:
    """Registering enables the CA and asks for no reason; the sweep would come back for every device that registers then."""
    answer("ca", "revoke", ca, *WHY, "--yes")
    with pytest.raises(AnsweredNo, match=f"gatehouse ca enable {ca}"):
        authority.register(target, AUTHORITY.certificate, key_of(AUTHORITY))
    described = target.client("iot").describe_ca_certificate(certificateId=ca)["certificateDescription"]
    assert described["status"] == "INACTIVE"
    assert order(target, ca).ended_at is None
    run("ca", "enable", ca, "--reason", "A mistake", "--yes")
    assert authority.register(target, AUTHORITY.certificate, key_of(AUTHORITY)).authority.status == "ACTIVE"


def test_that_it_is_owed_shows_beside_the_lists_until_it_is_done(target: Target, ca: str) -> None:
    assert answer("crl", "status")["revocations"] == {}
    answer("ca", "revoke", ca, *WHY, "--yes")
    assert f"{AUTHORITY.certificate.subject.rfc4514_string()} is being revoked" in run("crl", "status").stderr
    assert [*answer("crl", "status")["revocations"]] == [ca]
    ca_revocation.end(target, ca, order(target, ca).revocation)
    assert "is being revoked" not in run("crl", "status").stderr
    target.client("s3").put_object(Bucket=target.output("CrlBucket"), Key=authorities.key_of(ca), Body=b"{}")
    assert "is not a valid order" in run("crl", "status").stderr, "and the lists are shown all the same"


def test_a_no_an_empty_reason_and_a_lost_trail_change_nothing(target: Target, ca: str) -> None:
    run("ca", "revoke", ca, *WHY, code=1, stdin="n\n")
    run("ca", "revoke", ca, "--reason", " ", "--yes", code=2)
    run("ca", "revoke", "ab" * 32, *WHY, "--yes", code=2)
    lose_the_trail(target)
    run("ca", "revoke", ca, *WHY, "--yes", code=3)
    assert (
        target.client("iot").describe_ca_certificate(certificateId=ca)["certificateDescription"]["status"] == "ACTIVE"
    )
    assert executions(target) == []


def test_two_orders_at_the_same_moment_are_one(target: Target, ca: str) -> None:
    run("ca", "revoke", ca, *WHY, "--yes")
    kept = order(target, ca)
    for etag in (None, '"another"'):
        with pytest.raises(AnsweredNo, match="meanwhile"):
            orders.write(target, kept, etag)


def test_another_certificate_with_the_same_key_is_named(ca: str, registered: list[str]) -> None:
    """A CA that was renewed with its key: whoever stole that signs for both."""
    renewed = pki.authority("Renewed CA", private_key=AUTHORITY.key, not_before=NOW - pki.DAY, not_after=NOW + pki.YEAR)
    registered += [
        other := aws_environment.register_ca(renewed),
        aws_environment.register_ca(pki.authority("Another CA")),
    ]
    assert answer("ca", "revoke", ca, *WHY, "--dry-run")["plan"]["same_key"] == [other]
    assert other in run("ca", "revoke", ca, *WHY, "--dry-run").stderr
