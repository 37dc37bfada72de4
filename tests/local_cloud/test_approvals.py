"""People decide on the deployed stack: real tokens at the real authorizer, roles with IAM on, and mail."""

import base64
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gatehouse.admission import admissions
from gatehouse.approval import approvers, sessions
from gatehouse.approval.approvals import Approvals, Signing, Wanted
from gatehouse.demo import stage
from gatehouse.demo.pki import DemoAuthority, Identity
from gatehouse.device.mqtt import Connection, MqttDevice
from gatehouse.errors import AnsweredNo, NotPermitted
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.stack.target import Target
from tests.local_cloud.conftest import settings_in
from tests.local_cloud.signed import get_json
from tests.local_cloud.waiting import eventually

pytestmark = pytest.mark.local_cloud

FROM = "gatehouse@example.com"
WITHIN = 90.0
PASSWORD = "correct-horse-battery-Staple-9"


class World:
    """A cloud with devices that people are asked about, and people."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        self.cloud = cloud
        cloud.start_engine()
        cloud.client("sesv2").create_email_identity(EmailIdentity=FROM)
        status = cloud.up(parameters={"MailFrom": FROM})
        self.target = Target(status.stack, status)
        self.ca = DemoAuthority(folder)
        self.devices: dict[str, Identity] = {
            f"pump-{number}": self.ca.issue(f"pump-{number}") for number in range(81, 92)
        }
        ca_id = stage.register(self.target, self.ca)
        rows = [
            {"device": name, "certificate_sha256": one.certificate_id, "product": "infusion-pump"}
            for name, one in self.devices.items()
        ]
        stage.import_inventory(self.target, rows, folder / "inventory.csv")
        stage.publish_list(self.target, self.ca, ca_id, [])
        self.desks = {
            name: self.joins(name, *groups)
            for name, groups in {
                "ada": ("quality",),
                "sam": ("security",),
                "otto": ("auditors",),
                "dan": (),
            }.items()
        }

    def joins(self, name: str, *groups: str) -> Approvals:
        approvers.add(
            self.target, email=f"{name}@example.com", name=name.capitalize(), password=PASSWORD, groups=groups
        )
        return Approvals(self.target.output("ApprovalsUrl"), self.token(name))

    def token(self, name: str) -> str:
        return sessions.sign_in(self.target, f"{name}@example.com", PASSWORD).id_token

    def knocks(self, device: str) -> Connection:
        one = self.devices[device]
        with MqttDevice(
            self.target.mqtt_endpoint(), certificate=one.certificate_file, key=one.key_file, client_id=device
        ) as mqtt:
            return mqtt.connect()

    def asks(self, device: str) -> str:
        """The device knocks until people are asked; returns the approval id."""
        self.knocks(device)
        return self.asked_about(device)

    def asked_about(self, device: str) -> str:
        identity = self.devices[device].certificate_id

        def waiting() -> str | None:
            found = self.desks["otto"].list_tab("waiting", 100)
            return next((one["approval_id"] for one in found if one["certificate_id"] == identity), None)

        return eventually(waiting, within=WITHIN, what=f"somebody is asked about {device}")

    def started(self, device: str) -> dict[str, str]:
        """The executions that the device's knocks have started, and the output of each that has ended."""
        steps, own = self.cloud.client("stepfunctions"), self.devices[device].certificate_id[:16]
        pages = steps.get_paginator("list_executions").paginate(stateMachineArn=self.target.output("StateMachineArn"))
        arns = [one["executionArn"] for page in pages for one in page["executions"] if one["name"].startswith(own)]
        return {arn: steps.describe_execution(executionArn=arn).get("output", "") for arn in arns}

    def votes(self, who: str, approval_id: str, decision: Any = "approve", **more: Any) -> dict[str, Any]:
        desk = self.desks[who]
        basis = str(desk.show(approval_id)["basis_sha256"])
        meaning = "approval" if decision == "approve" else "rejection"
        return desk.vote(approval_id, decision, reason="Delivery note 7", meaning=meaning, basis_sha256=basis, **more)

    def outcome(self, device: str) -> str:
        def ended() -> str | None:
            found = admissions.by_certificate(self.target, self.devices[device].certificate_id)
            return found.outcome if found is not None and found.outcome != "open" else None

        return eventually(ended, within=WITHIN, what=f"the admission of {device} ends")

    def mails(self) -> list[dict[str, Any]]:
        by_account: dict[str, list[dict[str, Any]]] = get_json(self.cloud, "/_ministack/ses/messages")["messages"]
        return [mail for mails in by_account.values() for mail in mails]

    def written_to(self, subject: str) -> set[str]:
        return {address for mail in self.mails() if mail["Subject"].startswith(subject) for address in mail["To"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    cloud = LocalCloud(settings_in(tmp_path_factory.mktemp("people")))
    try:
        yield World(cloud, tmp_path_factory.mktemp("ca"))
    finally:
        cloud.down()


def test_a_delegate_and_an_approver_admit_a_device_and_an_auditor_finds_it_again(world: World) -> None:
    approval = world.asks("pump-81")
    with pytest.raises(NotPermitted):
        world.desks["dan"].show(approval)
    until = datetime.now(UTC) + timedelta(days=1)
    given = world.desks["ada"].delegate(group="quality", to="Dan@example.com", until=until, reason="On holiday")
    identity = given["delegation"]["delegation_id"]
    told = world.votes("dan", approval, delegation=identity)
    assert told["receipt"]["on_behalf_of"]["name"] == "Ada"
    with pytest.raises(AnsweredNo, match="on your behalf"):
        world.votes("ada", approval)
    world.votes("sam", approval)
    assert world.outcome("pump-81") == "admitted"
    auditor = world.desks["otto"]
    for wanted in (Wanted(device="pump-81"), Wanted(person="ada@example.com"), Wanted(person="Dan", status="approved")):
        assert approval in [one["approval_id"] for one in auditor.search(wanted, 10)]
    [told] = json.loads("".join(auditor.export("json", Wanted(device="pump-81"))))
    assert [event["type"] for event in told["events"]][:2] == ["opened", "announced"]
    world.desks["ada"].end_delegation(identity, reason="Back again")
    with pytest.raises(NotPermitted):
        world.desks["dan"].list_tab("mine", 1)


def test_each_is_written_to_and_learns_the_result(world: World) -> None:
    approval = world.asks("pump-82")
    subject = "Approval needed: pump-82"
    eventually(
        lambda: world.written_to(subject) >= {"ada@example.com", "sam@example.com"},
        within=WITHIN,
        what="both are asked",
    )
    world.votes("ada", approval, "reject")
    assert world.outcome("pump-82") == "refused"
    eventually(lambda: "sam@example.com" in world.written_to("Rejected: pump-82"), within=WITHIN, what="sam is told")
    assert "otto@example.com" not in world.written_to("Rejected: pump-82") | world.written_to(subject)
    trail = [event["type"] for event in world.desks["otto"].show(approval)["events"]]
    assert trail.count("told") == 2


def test_several_are_decided_in_one_act(world: World) -> None:
    waiting = [world.asks("pump-83"), world.asks("pump-84")]
    for who in ("ada", "sam"):
        desk = world.desks[who]
        bases = {one: str(desk.show(one)["basis_sha256"]) for one in waiting}
        signing = Signing("approve", "One delivery", "approval")
        assert [one["result"] for one in desk.vote_together(bases, signing)] == ["signed", "signed"]
        assert [one["result"] for one in desk.vote_together(bases, signing)] == ["repeated", "repeated"]
    assert world.outcome("pump-83") == world.outcome("pump-84") == "admitted"


def test_devices_that_knock_in_a_loop_through_a_whole_approval_start_nothing_more(world: World) -> None:
    """Each goes on knocking until it is let in. What it starts before its admission is on the table ends as a duplicate."""
    names = [f"pump-{number}" for number in range(89, 92)]
    knocks = dict.fromkeys(names, 0)
    over = threading.Event()

    def until_it_is_let_in(name: str) -> None:
        while world.knocks(name) is not Connection.CONNECTED and not over.wait(0.3):
            knocks[name] += 1

    with ThreadPoolExecutor(len(names)) as fleet:
        let_in = [fleet.submit(until_it_is_let_in, name) for name in names]
        try:
            approvals = [world.asked_about(name) for name in names]
            asked = {name: world.started(name).keys() for name in names}
            seen = dict(knocks)
            eventually(
                lambda: all(knocks[name] > seen[name] + 10 for name in names), within=WITHIN, what="they knock on"
            )
            for who in ("ada", "sam"):
                for approval in approvals:
                    world.votes(who, approval)
            for one in let_in:
                one.result(timeout=WITHIN)
        finally:
            over.set()  # whatever went wrong: nobody goes on knocking
    for name in names:
        assert world.outcome(name) == "admitted"
        # The admission is closed before the notification: an execution has its output a moment later.
        eventually(lambda name=name: all(world.started(name).values()), within=WITHIN, what="they end")  # type: ignore[misc]
        started = world.started(name)
        assert started.keys() == asked[name]
        outcomes = sorted(json.loads(output)["outcome"] for output in started.values())
        assert outcomes == ["admitted", *["duplicate"] * (len(started) - 1)]


def test_an_auditor_changes_nothing(world: World) -> None:
    approval = world.asks("pump-86")
    otto = world.desks["otto"]
    before = otto.show(approval)
    with pytest.raises(NotPermitted):
        world.votes("otto", approval)
    until = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(NotPermitted):
        otto.delegate(group="quality", to="dan@example.com", until=until, reason="x")
    signing = Signing("approve", "x", "approval")
    [told] = otto.vote_together({approval: str(before["basis_sha256"])}, signing)
    assert told["code"] == "not_eligible"
    after = otto.show(approval)
    assert after["votes"] == before["votes"] == []
    assert after["status"] == "pending"


# --- attacks on the authorizer ---------------------------------------------------------------------------------------------


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    head, body, signature = token.split(".")
    read = [json.loads(base64.urlsafe_b64decode(one + "=" * (-len(one) % 4))) for one in (head, body)]
    return read[0], read[1], signature


def none(token: str) -> str:
    head, body, _ = parts(token)
    return f"{part({**head, 'alg': 'none'})}.{part(body)}."


def other_key(token: str, **claims: Any) -> str:
    """Signed properly, by a key that the issuer does not publish under this id."""
    head, body, _ = parts(token)
    signed = f"{part(head)}.{part({**body, **claims})}"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def altered(token: str, **claims: Any) -> str:
    head, body, signature = parts(token)
    return f"{part(head)}.{part({**body, **claims})}.{signature}"


ATTACKS: dict[str, Callable[[str], str]] = {
    "alg none": none,
    "signed by another key": other_key,
    "groups added": lambda token: altered(token, **{"cognito:groups": ["quality", "security"]}),
    "another subject": lambda token: altered(token, sub="somebody-else"),
    "another issuer": lambda token: other_key(token, iss="https://evil.example"),
    "another audience": lambda token: other_key(token, aud="another-application"),
    "expired": lambda token: other_key(token, exp=int(time.time()) - 60),
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "no token": lambda _: "x.y.z",
    "empty": lambda _: "",
}


@pytest.fixture(scope="module")
def open_request(world: World) -> str:
    return world.asks("pump-87")


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_that_nobody_was_given_lets_nobody_in(
    world: World, open_request: str, attack: str, method: str
) -> None:
    token = ATTACKS[attack](world.token("ada"))
    path = f"/api/approvals/{open_request}" + ("/vote" if method == "POST" else "")
    assert status_of(world, method, path, token) == 401
    assert world.desks["otto"].show(open_request)["votes"] == []


def test_a_token_of_another_application_of_the_same_pool_lets_nobody_in(world: World, open_request: str) -> None:
    """Issuer, key and person are right; the audience is not."""
    cognito, pool = world.cloud.client("cognito-idp"), world.target.output("UserPoolId")
    other = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="another",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    given = cognito.initiate_auth(
        ClientId=other,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada@example.com", "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    assert status_of(world, "GET", f"/api/approvals/{open_request}", given["IdToken"]) == 401


@pytest.mark.parametrize(
    "path", ["/api/approvals", "/api/approvals/{id}", "/api/search", "/api/export", "/api/delegations"]
)
def test_a_person_in_no_group_sees_nothing(world: World, open_request: str, path: str) -> None:
    token = world.token("dan")
    assert status_of(world, "GET", path.format(id=open_request), token) == 403
    assert status_of(world, "GET", path.format(id="0" * 32), token) == 403


def test_task_tokens_are_in_no_log_and_no_answer(world: World, open_request: str) -> None:
    """The table has it encrypted, and the execution's own history for whoever may read that; nothing else has."""
    table = world.target.output("ApprovalsTable")
    key = {"approval_id": {"S": open_request}, "item": {"S": "callback"}}
    kept = world.cloud.client("dynamodb").get_item(TableName=table, Key=key)["Item"]["token"]["B"]
    token = world.cloud.client("kms").decrypt(CiphertextBlob=kept, EncryptionContext={"approval_id": open_request})
    plain = token["Plaintext"].decode()
    seen = json.dumps(world.desks["otto"].show(open_request)) + json.dumps(world.mails())
    seen += "".join(world.desks["otto"].export("json", Wanted()))
    logs = world.cloud.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            seen += "".join(event["message"] for event in page["events"])
    assert len(seen) > 10_000
    assert plain
    assert plain not in seen + str(world.cloud.client("dynamodb").scan(TableName=table)["Items"])


def status_of(world: World, method: str, path: str, token: str) -> int:
    request = urllib.request.Request(  # noqa: S310 - loopback
        world.target.output("ApprovalsUrl") + path,
        method=method,
        data=b"{}" if method == "POST" else None,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
