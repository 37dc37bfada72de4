"""The way that every command takes to AWS: the SDK's own endpoint and credentials, no local cloud known of, and a user who may only look.

What answers is the engine all the same, which enforces IAM: so what the documented policy lacks is refused here, too.
"""

import json
import os
import re
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from gatehouse.cli import app
from gatehouse.console.server import Console
from gatehouse.inventory import issuers
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.revocation import lists
from gatehouse.stack.target import Target
from tests import pki
from tests.local_cloud import devices
from tests.local_cloud.waiting import eventually
from tests.web.console.visitor import Visitor

pytestmark = pytest.mark.local_cloud

PAGE = Path(__file__).parents[2] / "docs" / "deploying.md"
READS = ("BatchGet", "Describe", "Get", "Head", "List", "Query", "Scan")
PREFIXES = {"sfn": "states", "service-quotas": "servicequotas", "monitoring": "cloudwatch"}
"""How IAM calls a service, where that is not how botocore does."""
ACTIONS = {"s3:ListObjectsV2": "s3:ListBucket"}
"""Which action allows a call, where that is not the call's own name (Service Authorization Reference, *Amazon S3*)."""
CHANGED = "gatehouse-device-000000000000"


def policy(cloud: LocalCloud) -> Any:
    """The document of the page, for the stack of the local cloud."""
    (text,) = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    status = cloud.status()
    for word, value in {"STACK": status.stack, "REGION": status.region, "ACCOUNT": status.account}.items():
        text = re.sub(rf"\b{word}\b", value, text)
    return json.loads(text)


def credentials_of(cloud: LocalCloud, name: str, document: Any) -> dict[str, str]:
    """A new user's, as the SDK takes them from the environment."""
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    if document:
        iam.put_user_policy(UserName=name, PolicyName="looks", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@pytest.fixture(scope="module")
def looker(cloud: LocalCloud) -> dict[str, str]:
    """Has the documented policy, and nothing else."""
    return credentials_of(cloud, "looker", policy(cloud))


@pytest.fixture(scope="module")
def stranger(cloud: LocalCloud) -> dict[str, str]:
    """Is known, and may do nothing."""
    return credentials_of(cloud, "stranger", None)


def environment(cloud: LocalCloud, home: Path, credentials: dict[str, str]) -> dict[str, str]:
    """Of an operator on another machine, who knows of no local cloud."""
    foreign = ("AWS_", "GATEHOUSE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {
        **kept,
        **credentials,
        "AWS_ENDPOINT_URL": cloud.settings.endpoint,
        "AWS_DEFAULT_REGION": cloud.status().region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(home / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "none"),
        "GATEHOUSE_HOME": str(home),
    }


@pytest.fixture
def aimed(cloud: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes this process such an operator's."""

    def aim(credentials: dict[str, str]) -> Target:
        for name in [name for name in os.environ if name.startswith(("AWS_", "GATEHOUSE_"))]:
            monkeypatch.delenv(name)
        for name, value in environment(cloud, tmp_path, credentials).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        return Target.resolve(None, cloud.status().stack)

    return aim


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Every call to AWS that this process makes. The engine has no Service Quotas: of those, what they answer to nobody's question."""
    made: set[tuple[str, str]] = set()
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: Any, operation: str, request: Any) -> Any:
        service = client.meta.service_model.service_name
        made.add(
            (PREFIXES.get(client.meta.service_model.signing_name, client.meta.service_model.signing_name), operation)
        )
        if service == "service-quotas":
            named = [{"ServiceCode": "x", "ServiceName": name} for name in ("AWS IoT Core", "AWS Step Functions")]
            return {"Services": named} if operation == "ListServices" else {"Quotas": []}
        return original(client, operation, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    return made


@pytest.fixture(scope="module")
def held(cloud: LocalCloud) -> dict[str, Any]:
    """An admission that ended as held, of a certificate that AWS IoT does not have."""
    status = cloud.status()
    target = Target(status.stack, status)
    certificate_id = secrets.token_hex(32)
    event = {"certificateId": certificate_id, "caCertificateId": "0" * 64, "certificateStatus": "PENDING_ACTIVATION"}
    sfn = target.client("stepfunctions")
    started = sfn.start_execution(
        stateMachineArn=target.output("StateMachineArn"), name=certificate_id[:32], input=json.dumps(event)
    )
    arn = started["executionArn"]
    eventually(lambda: sfn.describe_execution(executionArn=arn)["status"] == "SUCCEEDED", within=60.0, what="held")
    return {"certificate": certificate_id, "arn": arn}


@pytest.fixture(scope="module")
def authority(cloud: LocalCloud) -> str:
    """A CA with a list that counts."""
    made, ca_id = devices.register_ca(cloud, "Looked-at CA")
    status, now = cloud.status(), datetime.now(UTC)
    target = Target(status.stack, status)
    target.client("s3").put_object(
        Bucket=target.output("CrlBucket"), Key=f"issuers/{ca_id}.pem", Body=made.pem.encode()
    )
    dates: Any = {"this_update": now - pki.HOUR, "next_update": now + pki.DAY}
    lists.publish(target, pki.revocation_list(made, number=1, **dates), ca_id, at=now)
    return ca_id


@pytest.fixture
def changed(cloud: LocalCloud) -> Iterator[str]:
    """A policy of Gatehouse's that somebody changed in AWS IoT."""
    iot = cloud.client("iot")
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
    iot.create_policy(policyName=CHANGED, policyDocument=document)
    iot.create_policy_version(policyName=CHANGED, policyDocument=document, setAsDefault=True)
    yield CHANGED
    iot.delete_policy_version(policyName=CHANGED, policyVersionId="1")
    iot.delete_policy(policyName=CHANGED)


def gatehouse(*arguments: str, code: int = 0) -> Any:
    """The command in this process, its JSON."""
    done = CliRunner().invoke(app, ["--aws", *arguments, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def refused(*arguments: str, code: int) -> str:
    """The command in this process, and the one sentence that it ends with."""
    done = CliRunner().invoke(app, ["--aws", *arguments])
    assert (done.exit_code, done.stdout) == (code, ""), done.output
    said: str = " ".join(done.stderr.split())
    assert said.startswith("Error: ")
    return said


def look_at_everything(visitor: Visitor, held: dict[str, Any]) -> None:
    """Each question that the page asks."""
    arn, certificate_id = quote(held["arn"]), held["certificate"]
    assert visitor.json("/api/session")["target"] == "aws"
    assert visitor.json("/api/fleet")["held"] >= 1
    assert certificate_id in {one["certificate_id"] for one in visitor.json("/api/admissions")["admissions"]}
    assert visitor.json(f"/api/admissions?q={certificate_id[:12]}")["admissions"][0]["outcome"] == "held"
    assert visitor.json(f"/api/admission?certificate={certificate_id}")["sealed"] == [held["arn"]]
    assert held["arn"] in {one["arn"] for one in visitor.json("/api/executions?status=SUCCEEDED")}
    run = visitor.json(f"/api/execution?arn={arn}")
    assert run["visits"][-1]["state"] == "Held"
    assert {edge["source"] for edge in visitor.json(f"/api/graph?arn={arn}")["edges"]} > {"Check CRL"}
    assert visitor.json("/api/graph")["edges"]
    assert visitor.json(f"/api/visit?arn={arn}&number=0")["state"] == "Claim admission"
    assert visitor.json(f"/api/event?arn={arn}&number=1")["input"]["certificateId"] == certificate_id
    assert visitor.json("/api/approvals")["complete"] is True
    assert [one for one in visitor.json("/api/lists") if one["problem"] is None]


@pytest.fixture
def there(held: dict[str, Any], authority: str, changed: str) -> dict[str, str]:
    """One thing of each kind to look at."""
    return {**held, "ca": authority, "policy": changed}


def test_everything_that_only_looks_reads_only_and_needs_what_the_document_names(
    cloud: LocalCloud, aimed: Any, looker: dict[str, str], calls: set[tuple[str, str]], there: dict[str, str]
) -> None:
    calls.clear()  # what made the stack ready is not asked about
    with Console(aimed(looker)) as console:
        look_at_everything(Visitor(console), there)
    assert {service for service, _ in calls} == {"cloudformation", "dynamodb", "iot", "s3", "sqs", "states"}
    assert there["certificate"] in {one["certificate_id"] for one in gatehouse("admissions", "list")}
    watched = CliRunner().invoke(app, ["--aws", "admissions", "watch", "--for", "0", "--json"])
    assert (watched.exit_code, there["certificate"] in watched.stdout) == (0, True), watched.output
    assert gatehouse("admissions", "show", there["certificate"][:12])["outcome"] == "held"
    assert there["ca"] in {one["ca_certificate_id"] for one in gatehouse("ca", "list")}
    assert gatehouse("ca", "show", there["ca"])["status"] == "ACTIVE"
    assert gatehouse("crl", "status", "--ca", there["ca"])
    assert isinstance(gatehouse("findings", "list"), dict | list)
    assert {one["document"] for one in gatehouse("policies", "list")} >= {"changed"}
    assert gatehouse("policies", "show", there["policy"])["deployed"]["default_version"] == "2"
    doctor = {check["name"]: check for check in gatehouse("doctor", code=1)}
    assert {doctor[name]["state"] for name in ("AWS answers", "stack", "state machine", "topic rule")} == {"ok"}
    assert "cannot be reached from here" in doctor["device endpoint"]["result"]  # the engine names none that is there
    assert issuers.any_without(aimed(looker)) in (True, False)  # what doctor asks where several CAs are registered

    assert [name for _, name in sorted(calls) if not name.startswith(READS)] == []
    needed = {ACTIONS.get(f"{service}:{name}", f"{service}:{name}") for service, name in calls}
    named = set()
    for statement in policy(cloud)["Statement"]:
        actions = statement["Action"]
        named |= set([actions] if isinstance(actions, str) else actions)
    assert needed - {"sts:GetCallerIdentity"} == named  # which needs no permission


def test_console_writes_nothing_whoever_asks_it_to(
    aimed: Any, looker: dict[str, str], calls: set[tuple[str, str]], held: dict[str, Any]
) -> None:
    wish = {"execution_arn": held["arn"], "reason": "to see"}
    target = aimed(looker)
    calls.clear()
    with Console(target) as console:
        visitor = Visitor(console)
        assert visitor.json("/api/session")["redrive_allowed"] is False
        status, answer = visitor.post("/api/redrive", wish)
        assert (status, answer["error"].startswith("This console is read-only.")) == (403, True)
        assert [name for _, name in calls if not name.startswith(READS)] == []
    with Console(target, allow_redrive=True) as console:
        status, answer = Visitor(console).post("/api/redrive", wish)
    assert (status, "nothing was done" in answer["error"]) == (503, True), answer
    assert ("lambda", "Invoke") not in calls
    assert [name for _, name in calls if not name.startswith(READS)] == ["PutObject"]  # the trail's, which IAM refused


def test_command_itself_needs_no_local_cloud_and_is_read_only(
    cloud: LocalCloud, looker: dict[str, str], held: dict[str, Any], tmp_path: Path
) -> None:
    command = [str(Path(sys.executable).with_name("gatehouse")), "--aws", "console", "--port", "0", "--json"]
    variables = environment(cloud, tmp_path, looker)
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        link = json.loads("".join(iter(running.stdout.readline, "}\n")) + "}")["link"]
        visitor = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        visitor.open(link, timeout=10).close()
        origin = link.split("/?")[0]
        with visitor.open(f"{origin}/api/session", timeout=10) as answer:
            session = json.load(answer)
        with visitor.open(f"{origin}/api/admission?certificate={held['certificate']}", timeout=10) as answer:
            admission = json.load(answer)
        running.terminate()
        assert running.wait(10) == 0
    assert (session["target"], session["redrive_allowed"]) == ("aws", False)
    assert admission["admission"]["execution_arn"] == held["arn"]
    assert admission["aws_console"].startswith("https://us-east-1.console.aws.amazon.com/states/")


COMMANDS = [("console", "--port", "0"), ("admissions", "list"), ("ca", "list"), ("policies", "list"), ("doctor",)]
every_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])


@every_command
def test_missing_credentials_are_one_sentence(aimed: Any, command: tuple[str, ...]) -> None:
    aimed({})
    assert "Unable to locate credentials. Sign in to AWS, name a --profile" in refused(*command, code=4)


def test_missing_region_is_one_sentence(aimed: Any, looker: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    aimed(looker)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "You must specify a region. Name one with --profile or --region" in refused("admissions", "list", code=2)


@every_command
def test_credentials_that_aws_does_not_know_are_one_sentence(
    aimed: Any, looker: dict[str, str], command: tuple[str, ...]
) -> None:
    aimed({**looker, "AWS_SECRET_ACCESS_KEY": "guessed"})
    assert "AWS does not accept these credentials, or no longer. Sign in to AWS again" in refused(*command, code=4)


@pytest.mark.parametrize("command", COMMANDS[:4], ids=lambda words: words[0])
def test_what_is_not_permitted_is_one_sentence_that_names_who_and_what(
    aimed: Any, stranger: dict[str, str], command: tuple[str, ...]
) -> None:
    aimed(stranger)
    said = refused(*command, code=4)
    assert "AWS does not permit" in said
    assert re.search(r"user/stranger is not authorized to perform: (cloudformation|iot):\w+", said)


def test_stack_that_is_not_there_is_one_sentence(aimed: Any, cloud: LocalCloud) -> None:
    status = cloud.status()
    aimed({"AWS_ACCESS_KEY_ID": status.access_key_id, "AWS_SECRET_ACCESS_KEY": status.secret_access_key})
    for command in (("console", "--port", "0"), ("admissions", "list")):
        said = refused("--stack", "nothing", *command, code=2)
        assert said == (
            "Error: There is no stack 'nothing' in us-east-1 of this account. "
            "Name the stack with --stack, its Region with --region."
        )


def test_page_says_what_its_user_may_not_do(aimed: Any, stranger: dict[str, str]) -> None:
    with Console(aimed(stranger)) as console:
        status, _, content = Visitor(console).get("/api/fleet")
    assert (status, "AWS does not permit DescribeStacks" in json.loads(content)["error"]) == (403, True)


def test_page_goes_on_when_throttling_ends(aimed: Any, looker: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with Console(aimed(looker)) as console:
        visitor = Visitor(console)
        with monkeypatch.context() as throttled:
            throttled.setattr(BaseClient, "_make_api_call", throttle)
            status, _, content = visitor.get("/api/fleet")
        assert (status, "Try again in a moment" in json.loads(content)["error"]) == (503, True)
        assert visitor.get("/api/fleet")[0] == 200


def throttle(client: Any, operation: str, request: Any) -> Any:
    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, operation)
