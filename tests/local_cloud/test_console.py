"""The console against the real local cloud: its definition, its history, its tables."""

import json
import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from gatehouse.console.server import Console
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.stack.target import Target
from tests.local_cloud.waiting import eventually
from tests.web.console.visitor import Visitor

pytestmark = pytest.mark.local_cloud


@pytest.fixture(scope="module")
def target(cloud: LocalCloud) -> Target:
    status = cloud.status()
    return Target(status.stack, status)


@pytest.fixture(scope="module")
def visitor(target: Target) -> Iterator[Visitor]:
    with Console(target) as console:
        yield Visitor(console)


@pytest.fixture(scope="module")
def held(target: Target, visitor: Visitor) -> Any:
    """The execution of a certificate that is gone from AWS IoT: caught, held, sealed."""
    certificate_id = secrets.token_hex(32)
    event = {
        "certificateId": certificate_id,
        "caCertificateId": secrets.token_hex(32),
        "certificateStatus": "PENDING_ACTIVATION",
    }
    started = target.client("stepfunctions").start_execution(
        stateMachineArn=target.output("StateMachineArn"), name=certificate_id[:32], input=json.dumps(event)
    )
    where = f"/api/execution?arn={quote(started['executionArn'])}"

    def ended() -> Any:
        run = visitor.json(where)
        return run if run["status"] != "RUNNING" else None

    return eventually(ended, within=60.0, what="the execution ended")


def test_caught_error_and_the_way_it_took(held: Any) -> None:
    visits = {visit["state"]: visit for visit in held["visits"]}
    assert (held["status"], visits["Inspect certificate"]["status"]) == ("SUCCEEDED", "caught")
    assert visits["Inspect certificate"]["error"] == "CertificateUnknown"
    assert {"source": "Inspect certificate", "target": "Hold", "caught": True} in held["taken"]


def test_every_step_is_a_way_of_the_deployed_definition(held: Any, visitor: Visitor) -> None:
    graph = visitor.json(f"/api/graph?arn={quote(held['arn'])}")
    ways = {(edge["source"], edge["target"], edge["kind"] == "catch") for edge in graph["edges"]}
    assert {(step["source"], step["target"], step["caught"]) for step in held["taken"]} <= ways


def test_admission_is_found_by_the_beginning_of_its_certificate(held: Any, visitor: Visitor) -> None:
    certificate_id = held["certificate_id"]
    found = visitor.json(f"/api/admissions?q={certificate_id[:12]}")["admissions"]
    assert [(one["certificate_id"], one["outcome"]) for one in found] == [(certificate_id, "held")]
    assert visitor.json(f"/api/admission?certificate={certificate_id}")["sealed"] == [held["arn"]]


def test_fleet_approvals_and_lists_are_answered(held: Any, visitor: Visitor) -> None:
    fleet = visitor.json("/api/fleet")
    assert fleet["held"] >= 1
    assert fleet["claimed"] == sum(fleet[outcome] for outcome in ("open", "admitted", "refused", "held", "failed"))
    assert visitor.json("/api/approvals")["owed"] == []
    assert isinstance(visitor.json("/api/lists"), list)
    assert held["name"] in {one["name"] for one in visitor.json("/api/executions")}


def test_command_says_its_link_and_ends_when_told(cloud: LocalCloud) -> None:
    command = [str(Path(sys.executable).with_name("gatehouse")), "--local", "console", "--port", "0", "--json"]
    home = {**os.environ, "GATEHOUSE_HOME": str(cloud.settings.home)}
    with subprocess.Popen(command, env=home, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = "".join(iter(running.stdout.readline, "}\n")) + "}"
        link = json.loads(said)["link"]
        visitor = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with visitor.open(link, timeout=10) as answer:
            assert answer.status == 200
        taken = subprocess.run(
            [*command, "--port", str(urlsplit(link).port)], env=home, capture_output=True, text=True, check=False
        )
        running.terminate()
        assert running.wait(10) == 0
    assert (taken.returncode, "Try --port 0" in taken.stderr) == (3, True)


def test_local_cloud_may_always_be_redriven_and_says_what_it_will_not(held: Any, visitor: Visitor) -> None:
    assert visitor.json("/api/session")["redrive_allowed"] is True
    status, answer = visitor.post("/api/redrive", {"execution_arn": held["arn"], "reason": "to see"})
    assert (status, "cannot be redriven" in answer["error"]) == (409, True)
