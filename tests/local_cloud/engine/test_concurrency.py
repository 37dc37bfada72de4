"""Lambda's limit of calls in flight: who is refused, who waits, and that what is idle makes room."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from gatehouse.cli.cloud import _lambda
from gatehouse.local_cloud.cloud import LocalCloud
from tests.local_cloud.conftest import SAMPLE_TEMPLATE, settings_in
from tests.local_cloud.waiting import eventually

pytestmark = pytest.mark.local_cloud

SLOW = """
import pathlib, time

def handler(event, _context):
    if "folder" in event:
        folder = pathlib.Path(event["folder"])
        (folder / "started").touch()
        while not (folder / "over").exists():
            time.sleep(0.02)
    return event
"""


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A sample stack on an engine with room for one call."""
    settings = msgspec.structs.replace(
        settings_in(tmp_path_factory.mktemp("narrow")), lambda_concurrency=1, lambda_idle=2
    )
    cloud = LocalCloud(settings, template=SAMPLE_TEMPLATE)
    cloud.up()
    yield cloud
    cloud.down()


@pytest.fixture(scope="module")
def slow(narrow: LocalCloud) -> str:
    """A function that takes as long as it is told."""
    import io
    import zipfile

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("slow.py", SLOW)
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    role = narrow.client("iam").create_role(RoleName="slow", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    narrow.client("lambda").create_function(
        FunctionName="slow",
        Runtime="python3.13",
        Role=role,
        Handler="slow.handler",
        Code={"ZipFile": content.getvalue()},
        Timeout=30,
    )
    return "slow"


def once(narrow: LocalCloud) -> Any:
    """A client of Lambda that does not try again."""
    status = narrow.status()
    return boto3.client(
        "lambda",
        endpoint_url=status.endpoint,
        region_name=status.region,
        aws_access_key_id=status.access_key_id,
        aws_secret_access_key=status.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def busy(narrow: LocalCloud, slow: str, tmp_path: Path) -> Iterator[Path]:
    """The one call there is room for runs until the file `over` lies in this folder."""
    call = {"FunctionName": slow, "Payload": json.dumps({"folder": str(tmp_path)}).encode()}
    running = threading.Thread(
        target=narrow.client("lambda").invoke, kwargs=call
    )  # again, if another test's event runs
    running.start()
    eventually((tmp_path / "started").exists, within=40, what="the call is in flight")
    yield tmp_path
    (tmp_path / "over").touch()
    running.join()


def test_a_call_above_the_limit_is_refused_as_lambda_refuses_it_and_the_command_tries_again(
    narrow: LocalCloud, slow: str, busy: Path
) -> None:
    with pytest.raises(ClientError) as refused:
        once(narrow).invoke(FunctionName=slow, Payload=b"{}")
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert dict(refused.value.response)["Reason"] == "ConcurrentInvocationLimitExceeded"
    before = throttled(narrow)
    answers: list[Any] = []
    patient = threading.Thread(
        target=lambda: answers.append(narrow.client("lambda").invoke(FunctionName=slow, Payload=b"{}"))
    )
    patient.start()
    eventually(lambda: before < throttled(narrow), what="it is refused at first")
    (busy / "over").touch()
    patient.join()
    assert json.load(answers[0]["Payload"]) == {}


def throttled(narrow: LocalCloud) -> int:
    found = narrow.status().lambda_throttled
    return found.calls if found else 0


def test_an_event_waits_for_room(narrow: LocalCloud, sample_of: dict[str, str], busy: Path) -> None:
    failed = {"detail": {"name": "waited-for-room"}}
    names = [one["FunctionName"] for one in narrow.client("lambda").list_functions()["Functions"]]
    function = next(name for name in names if "FailureFunction" in name)
    once(narrow).invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(failed).encode())
    note = {"TableName": sample_of["TableName"], "Key": {"id": {"S": "waited-for-room"}}}
    assert "Item" not in narrow.client("dynamodb").get_item(**note)
    (busy / "over").touch()
    eventually(lambda: narrow.client("dynamodb").get_item(**note).get("Item"), within=30)


@pytest.fixture
def sample_of(narrow: LocalCloud) -> dict[str, str]:
    return narrow.status().outputs


@pytest.mark.usefixtures("busy")
def test_step_functions_names_the_refusal_as_aws_does(narrow: LocalCloud, sample_of: dict[str, str]) -> None:
    states = narrow.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=sample_of["MachineArn"])["executionArn"]
    ended = eventually(
        lambda: one if (one := states.describe_execution(executionArn=arn))["status"] != "RUNNING" else None
    )
    assert ended["error"] == "Lambda.TooManyRequestsException"
    assert "Rate Exceeded" in ended["cause"]


@pytest.mark.usefixtures("busy")
def test_the_limit_is_said_in_the_log_and_in_the_status(narrow: LocalCloud, slow: str) -> None:
    with pytest.raises(ClientError, match="TooManyRequests"):
        once(narrow).invoke(FunctionName=slow, Payload=b"{}")
    status = eventually(lambda: one if (one := narrow.status()).lambda_throttled else None)
    assert "1 calls at once" in _lambda(status)
    assert "calls throttled, the last at" in _lambda(status)
    assert "Lambda is at its limit of 1 calls in flight" in narrow.settings.log.read_text()
    limit = narrow.client("lambda").get_account_settings()["AccountLimit"]
    assert limit["ConcurrentExecutions"] == 1


def test_what_is_idle_makes_room(narrow: LocalCloud, slow: str) -> None:
    """As many processes as calls may be in flight, and `lambda_idle` more: the next ends the one that was idle longest."""
    client, pid = narrow.client("lambda"), narrow.status().pid
    assert pid is not None
    for number in range(5):
        client.update_function_configuration(FunctionName=slow, Description=f"{number}")
        version = client.publish_version(FunctionName=slow)["Version"]
        client.invoke(FunctionName=slow, Qualifier=version, Payload=b"{}")
    assert version == "5"
    eventually(lambda: workers(pid) == 1 + 2, what="the others have ended")


def workers(engine: int) -> int:
    children = [
        Path(f"/proc/{engine}/task/{thread.name}/children") for thread in Path(f"/proc/{engine}/task").iterdir()
    ]
    return sum(len(one.read_text().split()) for one in children if one.exists())
