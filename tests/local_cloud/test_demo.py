"""The demo as a user runs it: a process of its own, its JSON, what stays behind, and what other people's clients see of it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests import pki, tools
from tests.local_cloud.conftest import free_port
from tests.local_cloud.waiting import eventually

pytestmark = pytest.mark.local_cloud

BIN = Path(sys.executable).parent
WITHIN_SECONDS = 240
EXPECTED = {
    "pump-0001": ("admitted", "ACTIVE"),
    "pump-0042": ("admitted", "ACTIVE"),
    "sensor-0003": ("refused", "REVOKED"),
    "stranger-0004": ("held", "PENDING_ACTIVATION"),
    "sensor-0005": ("refused", "INACTIVE"),
    "gateway-0006": ("refused", "INACTIVE"),
    "pump-0007": ("admitted", "ACTIVE"),
}


class Home:
    """A home directory with ports of its own, and commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.mqtt_port = free_port(), free_port()
        self.environment = {
            **os.environ,
            "GATEHOUSE_HOME": str(folder),
            "GATEHOUSE_PORT": str(self.port),
            "GATEHOUSE_MQTT_PORT": str(self.mqtt_port),
            "GATEHOUSE_TARGET": "local",
        }

    def gatehouse(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return self.run([str(BIN / "gatehouse"), *arguments], stdin=stdin)

    def answer(self, *arguments: str) -> Any:
        done = self.gatehouse(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def run(self, command: Sequence[str], stdin: str = "", **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            env={**self.environment, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=WITHIN_SECONDS,
            check=False,
        )


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home in which ``gatehouse demo --keep`` has run."""
    found = Home(tmp_path_factory.mktemp("demo"))
    done = found.gatehouse("demo", "--keep", "--json")
    (found.folder / "stdout.json").write_text(done.stdout)
    (found.folder / "stderr.txt").write_text(done.stderr)
    yield found
    found.gatehouse("down")
    assert not listens(found.port)
    assert not listens(found.mqtt_port)


@pytest.fixture(scope="module")
def results(home: Home) -> dict[str, dict[str, Any]]:
    return {result["device"]: result for result in json.loads((home.folder / "demo.json").read_bytes())}


def test_every_device_ends_as_it_must(home: Home, results: dict[str, dict[str, Any]]) -> None:
    ended = {device: (result["outcome"], result["certificate_status"]) for device, result in results.items()}
    assert ended == EXPECTED, (home.folder / "stderr.txt").read_text()
    assert {device: result["expected"] for device, result in results.items()} == {
        device: outcome for device, (outcome, _) in EXPECTED.items()
    }


def test_one_execution_each_however_often_a_device_knocks(results: dict[str, dict[str, Any]]) -> None:
    assert {result["executions"] for result in results.values()} == {1}


def test_reasons_are_the_workflow_s_own(results: dict[str, dict[str, Any]]) -> None:
    assert "revoked on" in results["sensor-0003"]["why"]
    assert "has no record" in results["stranger-0004"]["why"]
    assert "denies sensor-0005" in results["sensor-0005"]["why"]
    assert "Rejected by Grace Hopper" in results["gateway-0006"]["why"]
    assert all(result["seconds"] > 0 for result in results.values())


def test_standard_output_is_the_file(home: Home) -> None:
    assert json.loads((home.folder / "stdout.json").read_bytes()) == json.loads(
        (home.folder / "demo.json").read_bytes()
    )


def test_keys_are_for_their_owner_only(home: Home) -> None:
    keys = list((home.folder / "demo").glob("*.key"))
    assert len(keys) == 10
    assert {key.stat().st_mode & 0o077 for key in keys} == {0}


def test_mosquitto_publishes_where_the_device_may_and_nowhere_else(home: Home) -> None:
    tools.require("mosquitto_pub", package="mosquitto-clients")
    status = home.answer("status")
    subscriber = home.run(
        ["mosquitto_pub", *_as_mosquitto(status, home, "pump-0001"), "-t", "devices/pump-0001/x", "-m", "on", "-q", "1"]
    )
    assert subscriber.returncode == 0, subscriber.stderr
    elsewhere = home.run(
        ["mosquitto_pub", *_as_mosquitto(status, home, "pump-0001"), "-t", "devices/pump-0042/x", "-m", "on", "-q", "1"]
    )
    assert elsewhere.returncode != 0
    revoked = home.run(
        [
            "mosquitto_pub",
            *_as_mosquitto(status, home, "sensor-0003"),
            "-t",
            "devices/sensor-0003/x",
            "-m",
            "on",
            "-q",
            "1",
        ]
    )
    assert revoked.returncode != 0


def test_aws_cli_sees_executions_certificates_and_evidence(home: Home) -> None:
    outputs = home.answer("status")["outputs"]
    listed = _aws(home, "stepfunctions", "list-executions", "--state-machine-arn", outputs["StateMachineArn"])
    statuses = [execution["status"] for execution in listed["executions"]]
    assert (statuses.count("SUCCEEDED"), statuses.count("RUNNING")) == (len(EXPECTED) + 1, 1), "one waits for people"
    certificates = _aws(home, "iot", "list-certificates")["certificates"]
    assert sorted(certificate["status"] for certificate in certificates).count("ACTIVE") == 4
    records = _aws(home, "s3api", "list-objects-v2", "--bucket", outputs["EvidenceBucket"], "--prefix", "records/")
    assert len(records["Contents"]) == len(EXPECTED) + 1


def test_commands_tell_the_same_story(home: Home) -> None:
    assert {one["outcome"] for one in home.answer("admissions", "list")} == {"admitted", "refused", "held", "open"}
    shown = home.answer("admissions", "show", "pump-0042")
    assert shown["subject"] == "CN=pump-0042,O=Example Medical"
    assert shown["evidence_key"].startswith("records/")
    decided = home.answer("approvals", "show", shown["approval_id"], "--as", "ada@example.com")
    assert (decided["status"], decided["delivery"]) == ("approved", "delivered")
    assert [vote["name"] for vote in decided["votes"]] == ["Ada Lovelace", "Grace Hopper"]


def test_vote_after_the_decision_is_told_who_decided(home: Home) -> None:
    approval_id = home.answer("admissions", "show", "pump-0042")["approval_id"]
    late = home.gatehouse("approvals", "reject", approval_id, "--reason", "Too late", "--as", "grace@example.com")
    assert late.returncode == 1
    assert "already" in late.stderr


def test_device_entered_and_approved_by_commands_alone(home: Home) -> None:
    ca = pki.Authority(*(_read_authority(home.folder / "demo")))
    now = datetime.now(UTC)
    certificate = pki.device(
        ca, "pump-0099", private_key=pki.key("pump-0099"), not_before=now - pki.HOUR, not_after=now + pki.DAY
    )
    certificate_file, key_file = home.folder / "pump-0099.pem", home.folder / "pump-0099.key"
    certificate_file.write_text(pki.pem(certificate))
    key_file.write_text(pki.key_pem(pki.key("pump-0099")))
    fleet = home.folder / "fleet.csv"
    fleet.write_text(
        f"device;certificate_sha256;product\r\npump-0099;{certificate.fingerprint(SHA256()).hex(':').upper()};infusion-pump\r\n",
        encoding="utf-8-sig",
    )
    assert home.answer("inventory", "import", str(fleet))["new"] == 1
    assert home.answer("rules", "explain", "pump-0099")["decision"]["rule"] == "high-impact-product"
    knock = (
        "device",
        "connect",
        "--certificate",
        str(certificate_file),
        "--key",
        str(key_file),
        "--client-id",
        "pump-0099",
    )
    assert home.gatehouse(*knock).returncode == 1

    password = re.search(r"ada@example\.com, password (\S+)", (home.folder / "stderr.txt").read_text())
    assert password
    assert home.gatehouse("approvals", "login", "--username", "ada@example.com", stdin=password[1]).returncode == 0
    mine = ("approvals", "list", "--as", "ada@example.com")
    waiting = eventually(
        lambda: next((one for one in home.answer(*mine) if one["device"] == "pump-0099"), None),
        within=60,
        what="the request in Ada's inbox",
    )
    for person in ("ada@example.com", "grace@example.com"):
        done = home.gatehouse("approvals", "approve", waiting["approval_id"], "--reason", "Checked", "--as", person)
        assert done.returncode == 0, done.stderr
    show = ("admissions", "show", "pump-0099")
    eventually(lambda: home.gatehouse(*show).stdout.count("admitted"), within=60, what="pump-0099 admitted")
    assert home.gatehouse(*knock, "--publish", "devices/pump-0099/state", "on").returncode == 0


def test_nobody_signs_in_with_a_wrong_password(home: Home) -> None:
    refused = home.gatehouse("approvals", "login", "--username", "ada@example.com", stdin="wrong\n")
    assert refused.returncode == 4
    assert "Traceback" not in refused.stderr


def test_ca_registered_again_is_the_same_ca(home: Home) -> None:
    files = ("--certificate", str(home.folder / "demo" / "ca.pem"), "--key", str(home.folder / "demo" / "ca.key"))
    again = home.answer("ca", "register", *files)
    assert again["new"] is False
    assert again["ca"]["auto_registration"] is True
    assert [ca["ca_certificate_id"] for ca in home.answer("ca", "list")] == [again["ca"]["ca_certificate_id"]]
    assert home.answer("ca", "show", again["ca"]["ca_certificate_id"]) == again["ca"]
    assert home.gatehouse("ca", "show", "0" * 64).returncode == 2


def test_device_connects_from_the_command_line(home: Home) -> None:
    def connect(name: str) -> int:
        files = ("--certificate", f"{home.folder}/demo/{name}.pem", "--key", f"{home.folder}/demo/{name}.key")
        return home.gatehouse("device", "connect", *files, "--client-id", name).returncode

    assert connect("pump-0001") == 0
    assert connect("sensor-0005") == 1


def test_second_demo_does_not_trample_on_the_first(home: Home) -> None:
    second = home.gatehouse("demo")
    assert second.returncode == 2
    assert "gatehouse down" in second.stderr
    assert listens(home.port)


def test_interrupted_demo_leaves_nothing_running(tmp_path: Path) -> None:
    home = Home(tmp_path)
    # A shell ignores the signal for what it starts in the background, and what is ignored is ignored by a child too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with socket.socket() as taken:  # and a port that somebody else has is passed by
        taken.bind(("127.0.0.1", home.mqtt_port))
        taken.listen()
        demo = subprocess.Popen(
            [str(BIN / "gatehouse"), "demo"],
            env=home.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            eventually((home.folder / "demo" / "ca.pem").exists, within=60, what="the demo's CA")
            demo.send_signal(signal.SIGINT)
            output, _ = demo.communicate(timeout=60)
        finally:
            demo.kill()
        assert demo.returncode == 130, output
        assert f"Another program uses port {home.mqtt_port}." in output
        assert "Traceback" not in output
        assert not listens(home.port)


def _read_authority(folder: Path) -> tuple[pki.PrivateKey, x509.Certificate]:
    key = load_pem_private_key((folder / "ca.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key, x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())


def _as_mosquitto(status: dict[str, Any], home: Home, device: str) -> list[str]:
    address = ["-h", status["mqtt_host"], "-p", str(status["mqtt_port"]), "--cafile", status["broker_ca"]]
    keys = home.folder / "demo"
    return [*address, "--cert", f"{keys}/{device}.pem", "--key", f"{keys}/{device}.key", "-i", device]


def _aws(home: Home, *arguments: str) -> Any:
    status = home.answer("status")
    done = home.run(
        [
            str(BIN / "aws"),
            "--endpoint-url",
            status["endpoint"],
            "--region",
            status["region"],
            "--output",
            "json",
            *arguments,
        ],
        AWS_ACCESS_KEY_ID=status["access_key_id"],
        AWS_SECRET_ACCESS_KEY=status["secret_access_key"],
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
