"""`gatehouse rules explain` gives the answer that the door gives: each situation is put to both, on a stack and from files."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gatehouse.stack.target import Target
from tests import aws_environment, pki, trials
from tests.functions.admission.conftest import Gate
from tests.tools import require
from tests.unit.gatehouse.commands import answer, run
from tests.unit.gatehouse.situations import (
    AUTO,
    NAMES,
    NOT_IN_A_FILE,
    NOW,
    SITUATIONS,
    Door,
    denied_line,
    expected,
    keep_ca,
    name_that_several_cas_give,
)

AT = ("--at", NOW.isoformat())


@pytest.fixture
def door(target: Target, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    assert target
    aws_environment.set_clock(monkeypatch, NOW)
    gate = Gate(environment)
    keep_ca(gate, gate.ca, gate.ca_id)
    return Door(gate, tmp_path, monkeypatch)


@pytest.mark.parametrize("name", NAMES)
def test_explain_answers_what_the_states_answer(name: str, door: Door) -> None:
    """For the certificate; and for the device by its name, where the inventory and the rules decide."""
    NAMES[name](door)
    door.stand()
    sources: list[tuple[str, ...]] = [()] if name in NOT_IN_A_FILE else [(), (*door.files, *door.arguments)]
    explained = [door.explained(*door.certificate_file, *source) for source in sources]
    by_name = [door.explained("pump-1", *source) for source in sources]
    decided = door.decided()
    last, said = SITUATIONS[NAMES[name]]
    assert (decided[last].get("action") or decided[last]["status"]) == said
    assert explained[0] == decided
    assert [without_names(one) for one in explained] == [without_names(decided)] * len(sources)
    if last == "decision":
        of_device = without_names({"inspection": None, "revocation": None, "decision": decided["decision"]})
        assert [without_names(one) for one in by_name] == [of_device] * len(sources)


def without_names(verdicts: dict[str, Any]) -> dict[str, Any]:
    """The verdicts without the decision's reason, which names who entered a line: in a file nobody has yet."""
    decision = verdicts["decision"]
    return verdicts | {"decision": decision and {name: decision[name] for name in ("action", "rule")}}


def test_a_trial_s_device_is_held_for_both(door: Door) -> None:
    door.gate.ca = trials.authority()
    door.gate.ca_id = aws_environment.register_ca(door.gate.ca)
    keep_ca(door.gate, door.gate.ca, door.gate.ca_id)
    door.certificate = pki.device(door.gate.ca, "pump-1")
    door.list = pki.revocation_list(door.gate.ca)
    door.rules(AUTO)
    door.expect()
    door.stand()
    explained = door.explained(*door.certificate_file)
    assert (explained["decision"]["action"], explained["decision"]["rule"]) == ("hold", None)
    assert explained == door.decided()


def test_explaining_changes_nothing_and_needs_no_credentials(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """From files: not even a client is made."""
    expected(door)
    door.stand()

    def refuse(*_: object) -> Any:
        raise AssertionError("asked AWS")

    monkeypatch.setattr(Target, "client", refuse)
    monkeypatch.setattr(Target, "resolve", refuse)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    assert door.explained(*door.certificate_file, *door.files)["decision"]["action"] == "auto"
    assert door.explained("pump-1", *door.files)["decision"]["action"] == "auto"


def test_on_a_stack_it_only_reads(door: Door, target: Target) -> None:
    expected(door)
    door.stand()
    calls: set[str] = set()
    for service in ("dynamodb", "s3", "iot"):
        events = target.client(service).meta.events
        events.register("before-call.*.*", lambda model, **_: calls.add(model.name))
    door.explained(*door.certificate_file)
    door.explained("pump-1")
    assert calls <= {"BatchGetItem", "Query", "GetObject", "ListObjectsV2", "DescribeCACertificate"}
    assert "Query" in calls


def test_a_device_with_several_certificates_is_told_that_it_depends(door: Door) -> None:
    door.expect()
    door.expect(lookup_key=f"certificate#{'dd' * 32}", effect="deny")
    door.stand()
    decision = door.explained("pump-1")["decision"]
    assert decision["action"] == "refuse"
    assert "It depends on the certificate" in decision["reason"]
    assert ": auto." in decision["reason"]


def test_several_cas_and_none_that_signed(door: Door) -> None:
    name_that_several_cas_give(door)
    door.certificate = pki.device(pki.authority("Somebody else's CA"), "pump-1")
    door.stand()
    found = door.explained(*door.certificate_file)
    assert found["inspection"]["status"] == "unacceptable"
    assert "None of the 2 registered CAs has signed" in found["inspection"]["reason"]
    assert (found["revocation"], found["decision"]) == (None, None)
    named = door.explained(*door.certificate_file, "--ca", door.gate.ca_id)
    assert "it cannot be verified that the CA issued it" in named["inspection"]["reason"]


def test_a_rule_on_a_ca_is_met_by_the_ca_that_signed(door: Door) -> None:
    door.rules(f'version = "7"\n[[rules]]\nid = "ours"\nca = "{door.gate.ca_id}"\naction = "auto"\n')
    door.expect()
    door.stand()
    for arguments in ((), door.files):
        assert door.explained(*door.certificate_file, *arguments)["decision"]["rule"] == "ours"
        assert door.explained("pump-1", *arguments)["decision"]["rule"] == "ours"
    assert door.explained("pump-1", "--ca", door.gate.ca_id, *door.files[2:])["decision"]["rule"] == "ours"


def test_a_copy_of_the_ca_that_is_another_s_is_named(door: Door) -> None:
    """The states hold its devices, with an alarm (IssuerMismatch)."""
    expected(door)
    door.stand()
    keep_ca(door.gate, pki.authority("Another CA"), door.gate.ca_id)
    said = run("rules", "explain", *door.certificate_file, "--ca", door.gate.ca_id, *AT, code=2).stderr
    assert "is not the CA's certificate" in said


def test_a_list_that_is_missing_from_the_bucket_is_no_verdict(door: Door) -> None:
    expected(door)
    door.stand()
    bucket = {"Bucket": door.gate.names["CRL_BUCKET"]}
    for found in door.gate.s3.list_objects_v2(**bucket, Prefix="lists/")["Contents"]:
        door.gate.s3.delete_object(**bucket, Key=found["Key"])
    assert "Publish the CA's list again" in run("rules", "explain", *door.certificate_file, *AT, code=3).stderr


def test_a_file_that_import_refuses_is_refused_with_the_same_words(door: Door) -> None:
    expected(door)
    door.stand()
    wrong = door.folder / "wrong.csv"
    wrong.write_text("device,certificate_sha265\npump-1," + "ab" * 32 + "\n")
    imported = run("inventory", "import", str(wrong), code=2).stderr
    for asked in (("pump-1",), (*door.certificate_file, "--ca", str(door.folder / "ca.pem"))):
        said = run("rules", "explain", *asked, "--inventory", str(wrong), code=2).stderr
        assert "Did you mean `certificate_sha256`?" in said
        assert said.split("line 1")[1] == imported.split("line 1")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Give the name of a device, or --certificate"),
        (("pump-1", "--certificate"), "Give the name of a device, or --certificate"),
        (("--certificate", "--inventory"), "--ca ca.pem"),
        (("--certificate", "--list"), "--list is for use without a stack"),
        (("pump-1", "--ca"), "not an X.509 certificate"),
        (("pump-1", "--inventory", "--list"), "HTML"),
    ],
)
def test_what_is_missing_or_wrong_is_said(arguments: tuple[str, ...], said: str, door: Door) -> None:
    expected(door)
    door.stand()
    page = door.folder / "page.crl"
    page.write_text("<html>")
    values = {"--certificate": "device.pem", "--inventory": "fleet.csv", "--list": "page.crl", "--ca": "fleet.csv"}
    given = [part for one in arguments for part in ((one, str(door.folder / values[one])) if one in values else (one,))]
    assert said in " ".join(run("rules", "explain", *given, code=2).stderr.split())


def test_people_read_sentences_at_80_columns(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatehouse.cli.output._PIPE_WIDTH", 80)
    denied_line(door)
    door.stand()
    said = run("rules", "explain", *door.certificate_file, *AT)
    assert "inspection" in said.stdout
    assert "acceptable: Signed by the registered CA's key" in said.stdout
    assert "refuse: The inventory denies pump-1" in said.stdout
    assert "The device would be refused" in said.stderr
    assert max(len(line) for line in said.stdout.splitlines() + said.stderr.splitlines()) <= 80
    allowed = run("rules", "explain", "pump-1", "--finding", "unknown_device", *AT)
    assert "unknown-device" in allowed.stdout
    assert "would be held" in allowed.stderr


def openssl(folder: Path, *arguments: str) -> None:
    program = require("openssl", package="openssl")
    subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True)


def test_certificates_and_lists_that_openssl_made(tmp_path: Path) -> None:
    """A CA as `openssl ca` keeps one. Its certificates begin with their text, which AWS IoT would not have."""
    (tmp_path / "index.txt").touch()
    (tmp_path / "serial").write_text("1000\n")
    (tmp_path / "crlnumber").write_text("01\n")
    (tmp_path / "ca.cnf").write_text(
        "[ca]\ndefault_ca = here\n[here]\ndir = .\ndatabase = index.txt\nserial = serial\ncrlnumber = crlnumber\nnew_certs_dir = .\n"
        "certificate = ca.pem\nprivate_key = ca.key\ndefault_md = sha256\ndefault_days = 30\ndefault_crl_days = 7\npolicy = any\n"
        "crl_extensions = crl\nx509_extensions = device\n[any]\ncommonName = supplied\n[crl]\nauthorityKeyIdentifier = keyid\n"
        "[device]\nauthorityKeyIdentifier = keyid\nkeyUsage = digitalSignature\n"
    )
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl(
        tmp_path,
        "req",
        "-x509",
        *ec,
        *usage,
        "-subj",
        "/CN=Our CA",
        "-days",
        "99",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
    )
    for name in ("pump-1", "pump-2"):
        openssl(tmp_path, "req", *ec, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl(tmp_path, "ca", "-config", "ca.cnf", "-batch", "-in", f"{name}.csr", "-out", f"{name}.pem")
    openssl(tmp_path, "ca", "-config", "ca.cnf", "-revoke", "pump-2.pem")
    openssl(tmp_path, "ca", "-config", "ca.cnf", "-gencrl", "-out", "ca.crl")
    openssl(tmp_path, "x509", "-in", "pump-1.pem", "-outform", "DER", "-out", "pump-1.der")
    (tmp_path / "fleet.csv").write_text("device,name\npump-1,pump-1\npump-2,pump-2\n")
    (tmp_path / "chain.pem").write_bytes((tmp_path / "pump-1.pem").read_bytes() + (tmp_path / "ca.pem").read_bytes())
    files = [part for name, file in (("--ca", "ca.pem"), ("--list", "ca.crl"), ("--inventory", "fleet.csv"))
             for part in (name, str(tmp_path / file))]  # fmt: skip
    for file in ("pump-1.pem", "pump-1.der", "chain.pem"):
        found = answer("rules", "explain", "--certificate", str(tmp_path / file), *files)
        assert [found["inspection"]["status"], found["revocation"]["status"]] == ["acceptable", "good"], file
        assert (found["decision"]["action"], found["decision"]["rule"]) == ("auto", "expected-device")
    found = answer("rules", "explain", "--certificate", str(tmp_path / "pump-2.pem"), *files)
    assert (found["revocation"]["status"], found["decision"]) == ("revoked", None)
    openssl(tmp_path, "req", "-x509", *ec, "-subj", "/CN=pump-1", "-days", "9", "-keyout", "own.key", "-out", "own.pem")
    found = answer("rules", "explain", "--certificate", str(tmp_path / "own.pem"), *files)
    assert (found["inspection"]["status"], found["revocation"], found["decision"]) == ("unacceptable", None, None)
