"""The commands themselves: help, arguments, JSON, and what they answer."""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatehouse.cli import app
from gatehouse.stack.target import Target
from tests import pki
from tests.unit.gatehouse.commands import answer, enter, run
from workflows.admission.issuers import fingerprint
from workflows.hashes import beginning

HASH = "ab" * 32
NOW = datetime.now(UTC)


def commands(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


@pytest.mark.parametrize(
    ("path", "command"),
    list(commands(typer.main.get_command(app))),
    ids=lambda found: "-".join(found) if isinstance(found, tuple) else "",
)
def test_every_command_has_an_example_and_speaks_json(path: tuple[str, ...], command: Any) -> None:
    assert re.search(rf"Example: gatehouse (--local )?{' '.join(path)}\b", command.help)
    options = {option for parameter in command.params for option in parameter.opts}
    assert "--json" in options or path == ("console",)  # a page for people has nothing for programs
    assert run(*path, "--help").stdout


def test_help_lists_the_exit_codes() -> None:
    assert "Exit codes: 0 done" in " ".join(run("--help").stdout.split())


def write_inventory(folder: Path, text: str) -> str:
    file = folder / "fleet.csv"
    file.write_bytes(text.encode("utf-8-sig"))
    return str(file)


def test_import_writes_what_is_new_and_changed(target: Target, tmp_path: Path) -> None:
    file = write_inventory(tmp_path, f"device,certificate_sha256,site\r\npump-1,{HASH},A\r\npump-2,{'cd' * 32},B\r\n")
    first = answer("inventory", "import", file)
    assert (first["new"], first["changed"], first["unchanged"], first["written"]) == (2, 0, 0, True)
    file = write_inventory(tmp_path, f"device,certificate_sha256,site\r\npump-1,{HASH},C\r\npump-2,{'cd' * 32},B\r\n")
    second = answer("inventory", "import", file)
    assert (second["new"], second["changed"], second["unchanged"]) == (0, 1, 1)
    assert second["changes"][0]["fields"] == {"site": ["A", "C"]}
    shown = answer("inventory", "show", "pump-1")
    assert [record["site"] for record in shown["records"]] == ["C"]
    assert shown["records"][0]["entered_by"].startswith("arn:aws:sts:")
    assert shown["binding"] is None


def test_who_entered_a_line_stays_while_the_line_does(target: Target, tmp_path: Path) -> None:
    file = write_inventory(tmp_path, f"device,certificate_sha256\npump-1,{HASH}\n")
    answer("inventory", "import", file, "--entered-by", "ada")
    answer("inventory", "import", file, "--entered-by", "grace")
    entered_by = answer("inventory", "show", "pump-1")["records"][0]["entered_by"]
    assert re.fullmatch(r"ada \(arn:aws:[^()]+\)", entered_by)  # the AWS identity is kept beside whom it names


def test_dry_run_writes_nothing(target: Target, tmp_path: Path) -> None:
    file = write_inventory(tmp_path, f"device,certificate_sha256\npump-1,{HASH}\n")
    assert answer("inventory", "import", file, "--dry-run")["written"] is False
    run("inventory", "show", "pump-1", code=2)


def test_wrong_file_writes_nothing_and_names_the_line(target: Target, tmp_path: Path) -> None:
    file = write_inventory(tmp_path, f"device,certificate_sha256\npump-1,{HASH}\npump 2,{'cd' * 32}\n")
    said = run("inventory", "import", file, code=2)
    assert "line 3, device: is 'pump 2'" in said.stderr
    assert answer("inventory", "import", file, code=2)["problems"][0]["line"] == 3
    run("inventory", "show", "pump-1", code=2)


def test_import_of_more_than_a_batch(target: Target, tmp_path: Path) -> None:
    rows = "".join(f"pump-{number},{number:064x}\n" for number in range(230))
    assert answer("inventory", "import", write_inventory(tmp_path, f"device,certificate_sha256\n{rows}"))["new"] == 230
    assert answer("inventory", "show", "pump-229")["device"] == "pump-229"


def test_expired_lines_are_pointed_out(target: Target, tmp_path: Path) -> None:
    file = write_inventory(tmp_path, f"device,certificate_sha256,expires_at\npump-1,{HASH},2020-01-01\n")
    assert "1 of them have expired" in run("inventory", "import", file).stderr


def admission(certificate_id: str, outcome: str, minutes: int, **more: Any) -> dict[str, Any]:
    return {
        "certificate_id": certificate_id,
        "id_prefix": beginning(certificate_id),
        "outcome": outcome,
        "claimed_at": NOW - timedelta(minutes=minutes),
        "knocks": 1,
        "execution_arn": "arn:aws:states:eu-west-1:1:execution:m:e",
        **more,
    }


@pytest.fixture
def admissions(target: Target) -> None:
    found = [
        admission("aa" * 32, "admitted", 3, device="pump-1", reopen_at=253402300799000),
        admission("ab" * 32, "refused", 2, device="pump-1", reason="\x1b[31mrevoked"),
        admission("b" * 64, "open", 1, common_name="pump-9"),
    ]
    enter(target, "AdmissionsTable", found)


@pytest.mark.usefixtures("admissions")
def test_admissions_are_listed_newest_first() -> None:
    listed = answer("admissions", "list")
    assert [one["outcome"] for one in listed] == ["open", "refused", "admitted"]
    assert [one["outcome"] for one in answer("admissions", "list", "--limit", "1")] == ["open"]
    assert [one["outcome"] for one in answer("admissions", "list", "--outcome", "refused")] == ["refused"]
    assert [one["outcome"] for one in answer("admissions", "list", "--device", "pump-1")] == ["refused", "admitted"]
    assert "\\x1b[31mrevoked" in run("admissions", "list").stdout


@pytest.mark.usefixtures("admissions")
def test_admission_is_found_by_device_certificate_and_its_beginning() -> None:
    assert answer("admissions", "show", "pump-1")["certificate_id"] == "ab" * 32
    assert answer("admissions", "show", "aa" * 32)["outcome"] == "admitted"
    assert answer("admissions", "show", "pump-9")["certificate_id"] == "b" * 64, "no inventory line names it"
    shown = answer("admissions", "show", "bbbbbb")
    assert shown["outcome"] == "open"
    assert shown["history"].startswith("https://eu-west-1.console.aws.amazon.com/states/")
    assert "never by itself" in run("admissions", "show", "aa" * 32).stdout


@pytest.mark.usefixtures("admissions")
@pytest.mark.parametrize("name", ["c" * 64, "cccccc", "nobody", "a", "../x"])
def test_admission_that_is_not_there_is_named(name: str) -> None:
    assert name in run("admissions", "show", name, code=2).stderr


def test_two_certificates_with_one_beginning_ask_for_more(target: Target) -> None:
    enter(target, "AdmissionsTable", [admission("abcdef" + digit * 58, "open", 1) for digit in "01"])
    assert "give more of it" in run("admissions", "show", "abcdef", code=2).stderr


@pytest.fixture
def ca_files(tmp_path: Path) -> tuple[pki.Authority, str, str]:
    authority = pki.authority(not_before=NOW - pki.DAY, not_after=NOW + pki.YEAR)
    certificate, key = tmp_path / "ca.pem", tmp_path / "ca.key"
    certificate.write_text(authority.pem)
    key.write_text(pki.key_pem(authority.key))
    return authority, str(certificate), str(key)


def test_list_is_handed_in_judged_and_shown(
    target: Target, tmp_path: Path, ca_files: tuple[pki.Authority, str, str], judged_while_waiting: None
) -> None:
    authority, certificate, _ = ca_files
    ca, other = fingerprint(authority.certificate), "b" * 64
    target.client("s3").put_object(
        Bucket=target.output("CrlBucket"), Key=f"issuers/{ca}.pem", Body=authority.pem.encode()
    )
    file = tmp_path / "a.crl"
    file.write_bytes(
        pki.revocation_list(authority, [7], number=5, this_update=NOW - pki.HOUR, next_update=NOW + pki.DAY)
    )
    published = answer("crl", "publish", str(file), "--ca", ca)
    assert (published["status"], published["record"]["number"]) == ("accepted", "5")
    body = target.client("s3").get_object(Bucket=target.output("CrlBucket"), Key=published["list_key"])["Body"].read()
    assert body == file.read_bytes()
    assert [(one["number"], one["entries"]) for one in answer("crl", "status", "--ca", ca)["lists"]] == [("5", 1)]
    assert [one["number"] for one in answer("crl", "status")["lists"]] == ["5"]
    assert "admitted ones stay connected" in run("crl", "status").stdout

    file.write_bytes(pki.revocation_list(authority, number=4, this_update=NOW - pki.HOUR, next_update=NOW + pki.DAY))
    assert "RFC 5280 5.2.3" in run("crl", "publish", str(file), "--ca", ca, code=1).stderr
    assert [one["number"] for one in answer("crl", "status")["lists"]] == ["5"]
    assert "No certificate of the CA 'bb" in run("crl", "publish", str(file), "--ca", other, code=2).stderr
    assert certificate


def test_sweep_says_whom_it_would_take_back_and_how_long_that_takes(
    target: Target, tmp_path: Path, ca_files: tuple[pki.Authority, str, str], judged_while_waiting: None
) -> None:
    authority, ca = ca_files[0], fingerprint(ca_files[0].certificate)
    dates: Any = {"this_update": NOW - pki.HOUR, "next_update": NOW + pki.DAY}
    target.client("s3").put_object(
        Bucket=target.output("CrlBucket"), Key=f"issuers/{ca}.pem", Body=authority.pem.encode()
    )
    key = hashlib.sha256(
        authority.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    rows = [
        {"certificate_id": f"{serial:064x}", "issuer_key": key.hexdigest(), "serial": f"{serial:x}", "outcome": outcome,
         "claimed_at": NOW.isoformat(), "device": f"pump-{serial}", "reason": "revoked"}
        for serial, outcome in [(7, "admitted"), (8, "admitted"), (9, "held"), (10, "refused")]
    ]  # fmt: skip
    enter(target, "AdmissionsTable", rows)
    file = tmp_path / "a.crl"
    file.write_bytes(pki.revocation_list(authority, [7, 9, 10, 99], number=5, **dates))
    [plan] = answer("crl", "sweep", "--dry-run", "--list", str(file), "--ca", ca)
    assert (plan["newly_listed"], plan["revokes"], plan["devices"]) == (4, 2, ["pump-7", "pump-9"])
    assert plan["seconds_contended"] >= plan["seconds_alone"] > 0
    assert answer("crl", "sweep", "--dry-run") == []
    answer("crl", "publish", str(file), "--ca", ca)
    assert [plan["devices"] for plan in answer("crl", "sweep", "--dry-run")] == [["pump-7", "pump-9"]]
    assert "pump-7" in run("crl", "sweep", "--dry-run").stdout
    assert len(answer("crl", "sweep")) == 1
    run("crl", "sweep", "--list", str(file), "--ca", ca, code=2)


def test_list_that_nobody_judges_is_not_called_published(
    target: Target, tmp_path: Path, ca_files: tuple[pki.Authority, str, str]
) -> None:
    authority, _, _ = ca_files
    ca = fingerprint(authority.certificate)
    target.client("s3").put_object(
        Bucket=target.output("CrlBucket"), Key=f"issuers/{ca}.pem", Body=authority.pem.encode()
    )
    file = tmp_path / "a.crl"
    file.write_bytes(pki.revocation_list(authority))
    told = run("crl", "publish", str(file), "--ca", ca, "--within", "0", code=3).stderr
    assert "no result after 0 s" in told


def test_offline_check_answers_by_exit_code(tmp_path: Path, ca_files: tuple[pki.Authority, str, str]) -> None:
    authority, issuer, _ = ca_files
    for serial in (7, 8):
        (tmp_path / f"{serial}.pem").write_text(pki.pem(pki.device(authority, serial=serial)))
    crl = tmp_path / "a.crl"
    crl.write_bytes(pki.revocation_list(authority, [7], this_update=NOW - pki.HOUR, next_update=NOW + pki.DAY))
    common = ("crl", "check", "--issuer", issuer, "--list", str(crl))
    assert answer(*common, "--certificate", str(tmp_path / "8.pem"), code=0)["status"] == "good"
    assert answer(*common, "--certificate", str(tmp_path / "7.pem"), code=1)["status"] == "revoked"
    later = (NOW + 2 * pki.DAY).isoformat()
    assert answer(*common, "--certificate", str(tmp_path / "8.pem"), "--at", later, code=2)["status"] == "unknown"
    run(*common, "--certificate", str(tmp_path / "8.pem"), "--at", "tomorrow", code=2)


def test_rules_are_checked_and_explained(target: Target, tmp_path: Path) -> None:
    assert answer("rules", "check")["problems"] == []
    wrong = tmp_path / "rules.toml"
    wrong.write_text('version = "1"\n[[rules]]\nid = "a"\nacton = "auto"\n')
    problem = answer("rules", "check", str(wrong), code=2)["problems"][0]
    assert (problem["severity"], problem["line"]) == ("error", 4)
    file = write_inventory(tmp_path, f"device,certificate_sha256,product\npump-1,{HASH},infusion-pump\n")
    run("inventory", "import", file)
    assert answer("rules", "explain", "pump-1")["decision"]["rule"] == "high-impact-product"
    found = answer("rules", "explain", "pump-1", "--finding", "second_certificate")
    assert found["decision"]["rule"] == "second-certificate"
    assert "wildcard_policy" in run("rules", "explain", "pump-1", "--finding", "nonsense", code=2).stderr
    stranger = run("rules", "explain", "pump-2", "--json")
    assert json.loads(stranger.stdout)["decision"]["rule"] == "unknown-device"
    assert "is not expected" in stranger.stderr


def test_rules_are_explained_from_a_file_without_any_stack(tmp_path: Path) -> None:
    file = write_inventory(tmp_path, f"device,certificate_sha256,product\npump-1,{HASH},infusion-pump\n")
    assert answer("rules", "explain", "pump-1", "--inventory", file)["decision"]["action"] == "people"
    assert answer("rules", "explain", "pump-2", "--inventory", file)["decision"]["action"] == "hold"
    odd = write_inventory(tmp_path, "device,name,product\npump-1\n")
    assert "line 2" in run("rules", "explain", "pump-1", "--inventory", odd, code=2).stderr


def test_a_policy_that_reaches_beyond_the_device_is_found_before_it_knocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]}
    (folder / "wide.json").write_text(json.dumps(everything))
    monkeypatch.setattr("gatehouse.stack.configuration.PROFILES", folder)
    file = write_inventory(tmp_path, f"device,certificate_sha256,policy_profile\npump-1,{HASH},wide\n")
    assert answer("rules", "explain", "pump-1", "--inventory", file)["decision"]["rule"] == "wildcard-policy"


@pytest.mark.parametrize(
    "endpoint", ["localhost", "localhost:", ":8883", "localhost:0", "localhost:99999", "localhost:x"]
)
def test_endpoint_that_is_none_is_named(endpoint: str, ca_files: tuple[pki.Authority, str, str]) -> None:
    _, certificate, key = ca_files
    arguments = (
        "device",
        "connect",
        "--certificate",
        certificate,
        "--key",
        key,
        "--client-id",
        "x",
        "--endpoint",
        endpoint,
    )
    assert "expected HOST:PORT" in run(*arguments, code=2).stderr
