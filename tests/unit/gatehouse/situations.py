"""Devices before the door, in every situation that ends otherwise: what the states answer, and what `gatehouse rules explain` does."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from functions.admission.check_crl.app import handler as check_crl
from functions.admission.inspect_certificate.app import handler as inspect_certificate
from functions.admission.look_up_device.app import handler as look_up_device
from functions.shared import aws
from functions.shared import settings as function_settings
from functions.shared.inventory import Inventory
from tests import aws_environment, pki
from tests.functions.admission.conftest import Gate
from tests.unit.admission.examples import CONFIG, sha256
from tests.unit.gatehouse.commands import answer
from workflows.admission import inventory_file
from workflows.admission.contracts import DeviceRecord, Execution
from workflows.admission.facts import issuer_key

NOW = pki.NOW
AUTO = 'version = "7"\n[[rules]]\nid = "everybody"\naction = "auto"\n'
OTHER = Execution(arn=f"{aws_environment.EXECUTIONS}:other", name="other", started_at=NOW)


class Door:
    """One device before the door: its certificate, its inventory lines, its CA's lists. Each part can be set before it is asked."""

    def __init__(self, gate: Gate, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate = gate
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.certificate = pki.device(gate.ca, "pump-1")
        self.pem: str | None = None
        self.records: list[DeviceRecord] = []
        self.list: bytes | None = pki.revocation_list(gate.ca)
        self.arguments: tuple[str, ...] = ()
        self.at = NOW
        self.config = folder / "config"
        shutil.copytree(CONFIG, self.config)

    def expect(self, **unusual: Any) -> None:
        """A line of the inventory; by the certificate's hash, if nothing else is said."""
        key = f"certificate#{aws_environment.certificate_id(self.certificate)}"
        line: dict[str, Any] = {"lookup_key": key, "device": "pump-1", "entered_by": "ida", "entered_at": NOW - pki.DAY}
        self.records.append(DeviceRecord(**line | unusual))

    def rules(self, text: str) -> None:
        (self.config / "approval.toml").write_text(text)

    def bind(self, certificate_id: str) -> None:
        Inventory("Inventory").bind("pump-1", certificate_id, replacing=None, execution=OTHER, at=NOW - pki.DAY)
        self.arguments += ("--finding", "second_certificate")

    def stand(self) -> None:
        """Everything is in place: the table, the lists, the configuration of both sides, the files of the operator."""
        for record in self.records:
            self.gate.expect(record)
        if self.list is not None:
            assert aws_environment.publish_crl(self.list, self.gate.ca_id)["status"] == "accepted"
            (self.folder / "ca.crl").write_bytes(self.list)
        aws_environment.set_clock(self.monkeypatch, self.at)
        self.monkeypatch.setattr(function_settings, "CONFIGURATION", self.config)
        self.monkeypatch.setattr("gatehouse.stack.configuration.PROFILES", self.config / "policies")
        aws_environment.reset_caches()
        pem = pki.pem(self.certificate) if self.pem is None else self.pem
        (self.folder / "device.pem").write_text(pem)
        (self.folder / "ca.pem").write_text(self.gate.ca.pem)
        (self.folder / "fleet.csv").write_text(inventory_file.render(self.records))

    def decided(self) -> dict[str, Any]:
        """What the states answer, in their order, in the form of `gatehouse rules explain --json`."""
        event = self.gate.knock(self.certificate)
        if self.pem is not None:
            iot = aws.client("iot")
            found = iot.describe_certificate(certificateId=event["certificateId"])["certificateDescription"]
            given = {"certificateDescription": found | {"certificatePem": self.pem}}
            self.monkeypatch.setattr(iot, "describe_certificate", lambda **_: given)
        execution = self.gate.claimed(event)
        asked = {"certificate_id": event["certificateId"], "ca_certificate_id": self.gate.ca_id}
        verdicts: dict[str, Any] = {"inspection": None, "revocation": None, "decision": None}
        inspected = aws_environment.call(inspect_certificate, {"execution": execution, **asked})
        verdicts["inspection"] = {name: inspected[name] for name in ("status", "reason")}
        if inspected["status"] != "acceptable":
            return verdicts
        checked = aws_environment.call(check_crl, {"certificate": inspected["facts"]})
        verdicts["revocation"] = {name: checked[name] for name in ("status", "reason")}
        if checked["status"] != "good":
            return verdicts
        found = aws_environment.call(look_up_device, {"certificate": inspected["facts"]})
        rule = found["ruling"]["rule_id"] if found["ruling"] else None
        verdicts["decision"] = {"action": found["action"], "reason": found["reason"], "rule": rule}
        return verdicts

    def explained(self, *arguments: str) -> dict[str, Any]:
        file = ("--file", str(self.config / "approval.toml"))
        found: dict[str, Any] = answer("rules", "explain", *arguments, *file, "--at", self.at.isoformat())
        return found

    @property
    def certificate_file(self) -> tuple[str, str]:
        return "--certificate", str(self.folder / "device.pem")

    @property
    def files(self) -> tuple[str, ...]:
        listed = ("--list", str(self.folder / "ca.crl")) if self.list is not None else ()
        inventory = ("--inventory", str(self.folder / "fleet.csv")) if self.records else self.nobody()
        return ("--ca", str(self.folder / "ca.pem"), *listed, *inventory)

    def nobody(self) -> tuple[str, str]:
        """A file needs one line at least."""
        file = self.folder / "somebody-else.csv"
        file.write_text(f"device,certificate_sha256\npump-2,{'ee' * 32}\n")
        return "--inventory", str(file)


def keep_ca(gate: Gate, ca: pki.Authority, identifier: str) -> None:
    """In the bucket of lists, as `gatehouse ca register` does."""
    key = f"issuers/{identifier}.pem"
    gate.s3.put_object(Bucket=gate.names["CRL_BUCKET"], Key=key, Body=ca.pem.encode())


def expected(door: Door) -> None:
    door.expect()


def expected_by_serial(door: Door) -> None:
    door.expect(lookup_key=f"serial#{issuer_key(door.gate.ca.certificate)}#{door.certificate.serial_number:x}")


def denied_line(door: Door) -> None:
    door.expect(effect="deny")


def denied_by_another_line(door: Door) -> None:
    door.expect()
    door.expect(lookup_key="name#pump-1", effect="deny")


def denied_device(door: Door) -> None:
    door.expect()
    door.gate.expect(
        DeviceRecord(lookup_key="denied#pump-1", device="pump-1", effect="deny", entered_by="eve", entered_at=NOW)
    )


def expired_line(door: Door) -> None:
    door.expect(expires_at=NOW - pki.HOUR)


def missing_profile(door: Door) -> None:
    door.expect(policy_profile="no-such-profile")


def second_certificate_under_an_auto_rule(door: Door) -> None:
    door.rules(AUTO)
    door.expect()
    door.bind(sha256("old"))


def second_certificate(door: Door) -> None:
    door.expect()
    door.bind(sha256("old"))


def name_that_several_cas_give(door: Door) -> None:
    other = pki.authority("Another CA")
    keep_ca(door.gate, other, aws_environment.register_ca(other))
    door.rules(AUTO)
    door.expect(lookup_key="name#pump-1")
    door.arguments += ("--finding", "name_without_issuer")


def unknown(door: Door) -> None:
    assert door.records == []


def approval(door: Door) -> None:
    door.expect(product="infusion-pump")


def refused_by_a_rule(door: Door) -> None:
    door.rules('version = "7"\n[[rules]]\nid = "no-pumps"\nproduct = "pump"\naction = "refuse"\n')
    door.expect(product="pump")


def no_rule(door: Door) -> None:
    door.rules('version = "7"\n')
    door.expect()


def wildcard_policy(door: Door) -> None:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]}
    (door.config / "policies" / "wide.json").write_text(json.dumps(everything))
    door.expect(policy_profile="wide")


def revoked(door: Door) -> None:
    door.expect()
    door.list = pki.revocation_list(door.gate.ca, [door.certificate.serial_number])


def stale_list(door: Door) -> None:
    door.expect()
    door.at = NOW + timedelta(days=8)


def old_list(door: Door) -> None:
    """nextUpdate is far away, and the list is older than config/limits.toml allows."""
    door.expect()
    door.list = pki.revocation_list(door.gate.ca, next_update=NOW + pki.YEAR)
    door.at = NOW + timedelta(days=60)


def no_list(door: Door) -> None:
    door.expect()
    door.list = None


def valid_for_too_long(door: Door) -> None:
    door.certificate = pki.device(door.gate.ca, "pump-1", not_after=NOW + 20 * pki.YEAR)
    door.expect()


def expired_certificate(door: Door) -> None:
    door.certificate = pki.device(door.gate.ca, "pump-1", not_before=NOW - 2 * pki.DAY, not_after=NOW - pki.DAY)
    door.expect()


def wrong_ca(door: Door) -> None:
    door.certificate = pki.device(pki.authority("Somebody else's CA"), "pump-1")
    door.expect()


def forged_signature(door: Door) -> None:
    """The issuer's name is right, and the key is not."""
    door.certificate = pki.device(pki.authority("Device CA", private_key=pki.key("forger")), "pump-1")
    door.expect()


def weak_key(door: Door) -> None:
    door.certificate = pki.device(door.gate.ca, "pump-1", private_key=rsa.generate_private_key(65537, 1024))  # noqa: S505 - it is to be refused
    door.expect()


def malformed_pem(door: Door) -> None:
    door.expect()
    door.pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def no_pem(door: Door) -> None:
    door.expect()
    door.pem = "what is this?\n"


SITUATIONS: dict[Callable[[Door], None], tuple[str, str]] = {
    expected: ("decision", "auto"),
    expected_by_serial: ("decision", "auto"),
    denied_line: ("decision", "refuse"),
    denied_by_another_line: ("decision", "refuse"),
    denied_device: ("decision", "refuse"),
    expired_line: ("decision", "hold"),
    missing_profile: ("decision", "hold"),
    second_certificate_under_an_auto_rule: ("decision", "hold"),
    second_certificate: ("decision", "people"),
    name_that_several_cas_give: ("decision", "hold"),
    unknown: ("decision", "hold"),
    approval: ("decision", "people"),
    refused_by_a_rule: ("decision", "refuse"),
    no_rule: ("decision", "hold"),
    wildcard_policy: ("decision", "people"),
    revoked: ("revocation", "revoked"),
    stale_list: ("revocation", "unknown"),
    old_list: ("revocation", "unknown"),
    no_list: ("revocation", "unknown"),
    valid_for_too_long: ("inspection", "unacceptable"),
    expired_certificate: ("inspection", "unacceptable"),
    wrong_ca: ("inspection", "unacceptable"),
    forged_signature: ("inspection", "unacceptable"),
    weak_key: ("inspection", "unacceptable"),
    malformed_pem: ("inspection", "unacceptable"),
    no_pem: ("inspection", "unacceptable"),
}
"""Each situation, the state that ends it, and what that state answers."""

NAMES = {situation.__name__: situation for situation in SITUATIONS}
NOT_IN_A_FILE = {"denied_device"}
"""A file holds no mark that denies a device."""
