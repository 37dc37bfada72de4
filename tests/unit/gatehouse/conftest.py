"""A stack for the operator's side: moto with the template's tables and buckets, and a command line that cannot reach anything else."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from moto.iot.models import iot_backends

from gatehouse.local_cloud.cloud import LocalCloudStatus
from gatehouse.revocation import lists
from gatehouse.stack.target import Target
from tests import acts, aws_environment


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, str]]:
    """moto, and a home directory in which nothing runs."""
    monkeypatch.setenv("GATEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("GATEHOUSE_TARGET", raising=False)
    with aws_environment.running(monkeypatch) as variables:
        yield variables


@pytest.fixture
def target(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Target:
    """The stack as every command of the test sees it."""
    outputs = {
        "AdmissionsTable": environment["ADMISSIONS_TABLE"],
        "ApprovalsTable": environment["APPROVALS_TABLE"],
        "InventoryTable": environment["INVENTORY_TABLE"],
        "FindingsTable": environment["FINDINGS_TABLE"],
        "CrlBucket": environment["CRL_BUCKET"],
        "EvidenceBucket": environment["EVIDENCE_BUCKET"],
        "StateMachineArn": environment["STATE_MACHINE_ARN"],
        "SweepMachineArn": environment["SWEEP_MACHINE_ARN"],
        "ApprovalsUrl": environment["APPROVALS_URL"],
        "OidcIssuer": environment["OIDC_ISSUER"],
        "SigningKeyArn": environment["SIGNING_KEY_ARN"],
        "VoteSigningKeyArn": environment["VOTE_SIGNING_KEY_ARN"],
    }
    found = Target("gatehouse")
    found.__dict__["outputs"] = outputs
    registered = iot_backends[aws_environment.ACCOUNT][aws_environment.REGION].ca_certificates
    found.client("iot").list_ca_certificates = lambda **_: {  # moto knows no ListCACertificates
        "certificates": [{"certificateId": one} for one in registered]
    }
    monkeypatch.setattr(Target, "resolve", lambda *_: found)
    acts.serve(monkeypatch, found)
    return found


@pytest.fixture
def local_target(target: Target) -> Target:
    """The same stack as if it stood on the local cloud. Its clients are made before, since no engine runs."""
    for service in ("dynamodb", "iot", "s3", "sts"):
        target.client(service)
    target.local = LocalCloudStatus(running=True, home="")
    return target


@pytest.fixture
def judged_while_waiting(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a list to be judged gives `publish_crl` the time to."""
    assert environment
    waiting = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: aws_environment.judge_incoming())
    monkeypatch.setattr(lists, "time", waiting)
