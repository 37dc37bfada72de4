"""Every act of an operator is in the trail, or does not happen (IEC 62443-4-2 CR 2.8, CR 2.10)."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from gatehouse.errors import Unreachable
from gatehouse.evidence.audit_trail import recorded
from gatehouse.inventory import devices
from gatehouse.revocation import authorities, lists
from gatehouse.stack.target import Target
from tests import pki
from tests.unit.evidence.conftest import Stack
from workflows.admission.contracts import DeviceRecord
from workflows.admission.issuers import fingerprint
from workflows.evidence import audit_trail
from workflows.evidence.errors import TrailUnavailable

AUTHORITY = pki.authority()
CA = fingerprint(AUTHORITY.certificate)


def entries() -> list[audit_trail.Entry]:
    s3 = boto3.client("s3")
    found = s3.list_objects_v2(Bucket="gatehouse-evidence", Prefix="trail/").get("Contents", [])
    return [
        audit_trail.parse(s3.get_object(Bucket="gatehouse-evidence", Key=one["Key"])["Body"].read()) for one in found
    ]


def register(target: Target) -> None:
    ca = pki.authority(not_before=pki.NOW - 2 * pki.YEAR)
    authorities.register(target, ca.certificate, ca.key, sni_only=True)  # type: ignore[arg-type]


def deny(target: Target) -> None:
    record = DeviceRecord(lookup_key="name#p", device="p", effect="deny", entered_by="erin", entered_at=pki.NOW)
    change = devices.Change(kind="changed", record=record, fields={"effect": ("allow", "deny")})
    devices.write(target, [change], lambda _: None)


def publish(target: Target) -> None:
    """Nobody judges the list here, so that the act fails."""
    with suppress(Unreachable):
        lists.publish(target, pki.revocation_list(AUTHORITY), CA, at=pki.NOW, within=0)


ACTS: dict[str, tuple[Callable[[Target], None], tuple[str, str, str]]] = {
    "a CA is registered": (register, ("authority", "register", "succeeded")),
    "a device is denied": (deny, ("inventory", "import", "succeeded")),
    "a list is published": (publish, ("revocation", "publish", "failed")),
}


@pytest.fixture
def target(stack: Stack) -> Target:
    boto3.client("s3").put_object(Bucket="gatehouse-crls", Key=f"issuers/{CA}.pem", Body=AUTHORITY.pem.encode())
    return stack.target


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of AWS beside reading and the trail itself."""
    import botocore.client

    calls: list[str] = []
    call = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def note(client: Any, name: str, arguments: dict[str, Any]) -> Any:
        if not name.startswith(("Get", "List", "Describe", "Query", "BatchGet")) and "trail/" not in str(
            arguments.get("Key")
        ):
            calls.append(name)
        return call(client, name, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", note)
    return calls


@pytest.mark.parametrize("name", ACTS)
def test_an_act_is_recorded_before_and_after(name: str, target: Target) -> None:
    act, (category, kind, result) = ACTS[name]
    act(target)
    begun, done = entries()
    assert (begun.result, done.result) == ("begun", result)
    assert begun.id == done.id
    assert {(one.category, one.type) for one in (begun, done)} == {(category, kind)}
    assert begun.actor.startswith("arn:aws:sts::")
    assert begun.new


@pytest.mark.parametrize("name", ACTS)
def test_without_a_trail_nothing_is_done(
    name: str, target: Target, changed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    act, _ = ACTS[name]
    outputs = dict(target.outputs) | {"EvidenceBucket": "no-such-bucket"}
    monkeypatch.setitem(target.__dict__, "outputs", outputs)
    with pytest.raises(TrailUnavailable, match="nothing was done"):
        act(target)
    assert changed == []


def test_old_and_new_values_are_kept(target: Target) -> None:
    deny(target)
    begun = entries()[0]
    assert (begun.old, begun.new) == ({"name#p": {"effect": "allow"}}, {"name#p": {"effect": "deny"}})


def test_an_act_that_fails_says_so_and_why(target: Target) -> None:
    with pytest.raises(RuntimeError), recorded(target, "authority", "disable", "CN=Works CA"):
        raise RuntimeError("AWS said no")
    assert [(one.result, one.reason) for one in entries()] == [("begun", ""), ("failed", "RuntimeError: AWS said no")]


def test_a_result_that_cannot_be_written_is_not_silent(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrailUnavailable, match="somebody must look"), recorded(target, "authority", "disable", "CN=X"):
        monkeypatch.setitem(target.__dict__, "outputs", dict(target.outputs) | {"EvidenceBucket": "no-such-bucket"})


def test_aws_s_own_refusal_stops_the_act(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: str) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")

    monkeypatch.setattr(target, "client", refused)
    done = False
    with pytest.raises(TrailUnavailable), recorded(target, "inventory", "import", "x"):
        done = True
    assert not done
