"""Attacks on what was taken out: files removed, made up or altered without the key, and exports that were cut off.

Each ends with exit code 1 and says what is missing. The folder holds two days, 23 and 24 November 2026; it is verified on the 25th.
"""

import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gatehouse.cli import app
from gatehouse.cli import evidence as cli
from gatehouse.evidence import export as exporting
from gatehouse.evidence import places
from gatehouse.evidence.folders import COMPLETE
from tests import pki, records
from tests.records import bucket, sealed
from tests.unit.evidence.conftest import NIGHT, Stack
from workflows.canonical import canonical, sha256
from workflows.evidence.audit_trail import Entry
from workflows.evidence.record import Link

PUMP = records.certificate_id()
LAST_DAY = ("manifests/2026-11-24.json", f"records/{records.certificate_id('pump-0044')}/one.json")
ENTRY = records.trail_entry(2, records.NOW + pki.DAY)
MADE_UP = records.trail_entry(9, records.NOW + pki.DAY)
EARLIER = records.trail_entry(9, records.NOW - 3 * pki.DAY)
DAYS = ("--from", "2026-11-24", "--to", "2026-11-24")


Take = Callable[..., Path]
"""Takes `part` out of the bucket, into a folder of this test."""


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[tuple[str, ...], Path], Path]:
    """What was taken out already, and where: an export is made once for each part."""
    return {}, tmp_path_factory.mktemp("taken")


@pytest.fixture
def take(request: pytest.FixtureRequest, taken: tuple[dict[tuple[str, ...], Path], Path], tmp_path: Path) -> Take:
    done, place = taken

    def take_out(*part: str) -> Path:
        if part not in done:
            stack: Stack = request.getfixturevalue("stack")
            stack.keep(bucket())
            done[part] = place / str(len(done))
            result = stack.run("export", "--output", str(done[part]), *part)
            assert result.exit_code == 0, result.output
        shutil.copytree(done[part], tmp_path / "export")
        return tmp_path / "export"

    return take_out


@pytest.fixture
def exported(take: Take) -> Path:
    return take()


@pytest.fixture(autouse=True)
def _at_night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_now", lambda: NIGHT)


@pytest.fixture(scope="module", autouse=True)
def _key(tmp_path_factory: pytest.TempPathFactory) -> None:
    KEY.append(tmp_path_factory.mktemp("key") / "trusted.pem")
    KEY[-1].write_bytes(records.public_pem())


KEY: list[Path] = []


def verify(what: Path, *arguments: str) -> Result:
    """Without AWS, as whoever was handed the files."""
    return CliRunner().invoke(app, ["evidence", "verify", str(what), *arguments, "--public-key", str(KEY[-1])])


def reported(what: Path, *arguments: str) -> Any:
    return json.loads(verify(what, *arguments, "--json").stdout)


def finished(folder: Path) -> None:
    """What an attacker does last: the files that nobody has signed are made to fit."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files.pop(COMPLETE, None)
    hashes = {name: sha256(data) for name, data in files.items()}
    (folder / COMPLETE).write_text(json.dumps({"format": "gatehouse.export/2", "files": hashes}))


def found(what: Path, *arguments: str) -> set[tuple[str, str]]:
    """Which file breaks which rule: the command ends with 1."""
    result = verify(what, *arguments, "--json")
    assert result.exit_code == 1, result.output
    return {(one["key"], one["rule"]) for one in json.loads(result.stdout)["failures"]}


def test_what_was_not_touched_holds(exported: Path) -> None:
    """The counter-example to everything below, before and after the unsigned files are written anew."""
    assert verify(exported).exit_code == 0
    finished(exported)
    result = verify(exported)
    assert result.exit_code == 0, result.output
    said = " ".join(result.stderr.split())
    assert "Manifests vouch from 2026-11-23 to 2026-11-24; the last was sealed at 2026-11-25 00:30Z, 1 h ago." in said
    report = reported(exported)
    assert (report["first_day"], report["last_day"], report["partial"]) == ("2026-11-23", "2026-11-24", False)


def test_attack_the_last_day_removed(exported: Path) -> None:
    for key in (*LAST_DAY, ENTRY.key):
        (exported / key).unlink()
    finished(exported)
    assert found(exported) == {("manifests/2026-11-24.json", "manifest")}
    told = " ".join(verify(exported).stdout.split())
    assert "manifests/2026-11-24.json manifest No manifest of 2026-11-24. The last is of 2026-11-23" in told


def test_attack_all_manifests_and_a_device_removed(exported: Path) -> None:
    shutil.rmtree(exported / "manifests")
    shutil.rmtree(exported / "records" / PUMP)
    finished(exported)
    assert ("manifests/", "manifest") in found(exported)


def test_attack_the_first_manifest_and_its_day_removed(exported: Path) -> None:
    (exported / "manifests/2026-11-23.json").unlink()
    finished(exported)
    assert ("manifests/2026-11-24.json", "chain") in found(exported)


def test_attack_an_index_that_says_partial(exported: Path) -> None:
    index = json.loads((exported / "index.json").read_text()) | {"partial": True}
    for folder in (exported / "records").iterdir():
        if folder.name not in (PUMP, records.certificate_id("valve-7")):
            shutil.rmtree(folder)
    (exported / "index.json").write_text(json.dumps(index))
    finished(exported)
    gone = {
        f"records/{records.certificate_id(name)}/{run}.json"
        for name, run in (("pump-0043", "run-0"), ("pump-0044", "one"))
    }
    assert found(exported) == {(key, "manifest") for key in gone}


PART: dict[str, tuple[tuple[str, ...], Callable[[Path], None], tuple[str, str]]] = {
    "a trail entry dropped": (DAYS, lambda folder: (folder / ENTRY.key).unlink(), (ENTRY.key, "manifest")),
    "a trail entry altered": (
        DAYS,
        lambda folder: _write(folder, ENTRY.key, canonical(records.altered(ENTRY, actor="somebody else"))),
        (ENTRY.key, "manifest"),
    ),
    "a trail entry made up": (DAYS, lambda folder: _make_up(folder, MADE_UP), (MADE_UP.key, "manifest")),
    "a trail entry made up of a day before": (
        DAYS,
        lambda folder: _make_up(folder, EARLIER),
        (EARLIER.key, "manifest"),
    ),
    "a record dropped": (DAYS, lambda folder: (folder / LAST_DAY[1]).unlink(), (LAST_DAY[1], "manifest")),
    "a day's manifest dropped": (DAYS, lambda folder: (folder / LAST_DAY[0]).unlink(), ("manifests/", "manifest")),
    "the device's last record dropped": (
        ("--device", "pump-0042"),
        lambda folder: (folder / f"records/{PUMP}/run-2.json").unlink(),
        (f"records/{PUMP}/run-2.json", "manifest"),
    ),
    "all of the device dropped": (
        ("--device", "pump-0042"),
        lambda folder: shutil.rmtree(folder / "records"),
        ("records/", "manifest"),
    ),
    "a manifest of the device dropped": (
        ("--device", "pump-0042"),
        lambda folder: (folder / "manifests/2026-11-24.json").unlink(),
        ("manifests/2026-11-24.json", "manifest"),
    ),
}


def _write(folder: Path, key: str, data: bytes) -> None:
    (folder / key).parent.mkdir(parents=True, exist_ok=True)
    (folder / key).write_bytes(data)


def _make_up(folder: Path, entry: Entry) -> None:
    _write(folder, entry.key, canonical(entry))


@pytest.mark.parametrize("name", PART)
def test_attack_on_a_part(name: str, take: Take) -> None:
    part, attack, expected = PART[name]
    folder = take(*part)
    assert verify(folder, *part).exit_code == 0
    attack(folder)
    finished(folder)
    assert expected in found(folder, *part)


def test_a_part_says_that_it_is_one(take: Take) -> None:
    folder = take(*DAYS)
    assert "Partial: from 2026-11-24 to 2026-11-24." in verify(folder, *DAYS).stderr
    report = reported(folder, *DAYS)
    assert (report["partial"], report["part"]) == (True, "from 2026-11-24 to 2026-11-24")
    assert "nothing is said of what was not asked for" in (folder / "evidence.html").read_text()


def test_a_part_is_held_to_be_everything_unless_whoever_verifies_says_so(take: Take) -> None:
    folder = take(*DAYS)
    assert ("manifests/2026-11-24.json", "chain") in found(folder)


@pytest.mark.parametrize("days", [("--from", "2026-11-22"), ("--from", "2026-11-23", "--to", "2026-11-24")])
def test_a_range_is_held_to_its_manifests(take: Take, days: tuple[str, ...]) -> None:
    """The day before the first manifest, which comes after none, has nothing."""
    folder = take(*days)
    assert verify(folder, *days).exit_code == 0
    (folder / "manifests/2026-11-23.json").unlink()
    finished(folder)
    assert ("manifests/2026-11-22.json" if "11-22" in days[1] else "manifests/2026-11-23.json", "manifest") in found(
        folder, *days
    )


@pytest.mark.parametrize(
    ("as_of", "code"), [("2026-11-25", 0), ("2026-11-24", 0), ("2026-11-26", 1), ("2027-11-25", 1)]
)
def test_the_last_manifest_is_of_the_night_before(exported: Path, as_of: str, code: int) -> None:
    result = verify(exported, "--as-of", as_of)
    assert result.exit_code == code, result.output
    if code:
        told = " ".join(result.stdout.split())
        assert "The last is of 2026-11-24, sealed at 2026-11-25 00:30Z" in told


def test_the_bucket_is_held_to_the_night_before_as_well(stack: Stack) -> None:
    stack.keep(bucket())
    assert stack.run("verify", "--all").exit_code == 0
    assert stack.run("verify", "--all", "--as-of", "2026-11-26").exit_code == 1
    assert stack.run("verify", f"records/{PUMP}/", "--as-of", "2026-11-26").exit_code == 1


def test_what_nobody_has_signed_is_counted_apart(stack: Stack, tmp_path: Path) -> None:
    """Written after midnight: the records are signed each, the trail entry is not."""
    late = records.admission("pump-0099", at=records.NOW + timedelta(hours=36))
    entry = records.trail_entry(7, records.NOW + timedelta(hours=37))
    stack.keep({late.key: sealed(late), entry.key: canonical(entry)})
    stack.keep(bucket())
    folder = tmp_path / "export"
    assert stack.run("export", "--output", str(folder)).exit_code == 0
    report = reported(folder)
    assert (report["trail_entries"], report["unsigned"], report["not_yet_listed"]) == (2, 1, 1)
    said = " ".join(verify(folder).stderr.split())
    assert "7 records, 1 votes, 2 manifests, 2 trail entries: all hold." in said
    assert "Not verified: 1 trail entries, which nobody has signed yet." in said
    assert "not verified, since nobody has signed them yet: 1 trail entries" in (folder / "evidence.html").read_text()


@pytest.mark.parametrize("where", ["loose.json", ENTRY.key])
@pytest.mark.parametrize("actor", ["arn:aws:sts::111122223333:assumed-role/Operator/erin", "somebody else"])
def test_attack_one_trail_file_by_itself(tmp_path: Path, where: str, actor: str) -> None:
    """It is not signed: true or made up, nobody can say by itself."""
    file = tmp_path / "alone" / where
    file.parent.mkdir(parents=True)
    file.write_bytes(canonical(records.altered(ENTRY, actor=actor)))
    assert found(file) == {(ENTRY.key, "unsigned")}


def test_one_trail_file_in_its_folder_is_held_to_its_manifest(exported: Path) -> None:
    file = exported / ENTRY.key
    assert verify(file).exit_code == 0
    file.write_bytes(canonical(records.altered(ENTRY, actor="somebody else")))
    assert found(file) == {(ENTRY.key, "manifest")}


class CutOff(BaseException):
    """The process was killed."""


@pytest.mark.parametrize("after", [0, 1, 9, 10, 13, 14])
def test_attack_an_export_that_is_cut_off_anywhere(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """After each of its files: the folder is not there, and what is left of it does not verify."""
    stack.keep(bucket())
    written = 0
    write, write_bytes = places.write, Path.write_bytes

    def count() -> None:
        nonlocal written
        written += 1
        if written > after:
            raise CutOff

    def placed(root: Path, key: str, data: bytes) -> str | None:
        count()
        return write(root, key, data)

    def beside(path: Path, data: bytes) -> int:
        count()
        return write_bytes(path, data)

    monkeypatch.setattr(places, "write", placed)
    monkeypatch.setattr(Path, "write_bytes", beside)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    with pytest.raises(CutOff):
        stack.run("export", "--output", str(tmp_path / "export"))
    monkeypatch.undo()
    assert not (tmp_path / "export").exists()
    [left] = [one for one in tmp_path.iterdir() if one.name.startswith(".export.unfinished-")]
    rules = {
        (one["key"], one["rule"]) for one in (json.loads(verify(left, "--json").stdout or "{}").get("failures", []))
    }
    assert (COMPLETE, "export") in rules or "holds no evidence" in verify(left).stderr


def test_an_export_that_fails_leaves_nothing(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.keep(bucket())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "index.json")

    monkeypatch.setattr(exporting, "_index", full)
    result = stack.run("export", "--output", str(tmp_path / "export"))
    assert result.exit_code != 0
    assert [one.name for one in tmp_path.iterdir()] == ["trusted.pem"]


def test_attack_a_copy_that_is_cut_off(exported: Path) -> None:
    """By `cp` or a stick that was full: what is not there yet is named, in a part as well."""
    (exported / "evidence.html").unlink()
    assert found(exported) == {("evidence.html", "export")}
    (exported / COMPLETE).unlink()
    assert found(exported) == {(COMPLETE, "export")}


KEYS = [
    "records/../../../escaped.json",
    "records/./x.json",
    "records//x.json",
    "records/x/",
    "trail/..\\..\\escaped.json",
    "trail/C:/escaped.json",
    "trail/2026-11-23/x.json:stream",
    "trail/2026-11-23/CON.json",
    "trail/2026-11-23/nul",
    "trail/lpt1/x.json",
    "trail/2026-11-23/x.json.",
    "trail/2026-11-23/x .json",
    "trail/2026-11-23/\u202enosj.json",
    "trail/2026-11-23/\x1b[2J.json",
    f"trail/{'x' * 300}.json",
]


def test_attack_keys_that_lead_elsewhere(stack: Stack, tmp_path: Path) -> None:
    """Each is refused and named, and all the rest is exported."""
    stack.keep(bucket())
    stack.keep(dict.fromkeys(KEYS, b"x"), on=records.NOW)
    folder = tmp_path / "inner" / "export"
    result = stack.run("export", "--output", str(folder), "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)["report"]
    assert {one["key"] for one in report["failures"] if one["rule"] == "place"} == set(KEYS)
    assert report["records"] == 6
    assert not [one for one in tmp_path.rglob("*") if "escaped" in one.name]
    assert verify(folder).exit_code == 0


def test_attack_a_record_that_names_a_file_elsewhere(stack: Stack, tmp_path: Path) -> None:
    """What an unverified record says of the one before it leads to no other file of the bucket."""
    forged = records.admission(previous=Link(key="../../../etc/passwd", sha256="0" * 64))
    stack.keep(bucket())
    stack.keep({"configuration/x.json": b"x"}, on=records.NOW)
    for key in ("../../../etc/passwd", "configuration/x.json"):
        forged = records.altered(forged, previous=Link(key=key, sha256="0" * 64))
        stack.keep({forged.key: sealed(forged, label="mallory")}, on=records.NOW)
        folder = tmp_path / key.replace("/", "-")
        assert stack.run("export", "--output", str(folder), "--device", PUMP).exit_code == 1
        assert not (folder / "configuration").exists()


def test_what_gatehouse_writes_is_taken_out() -> None:
    assert [places.refused(key) for key in bucket()] == [None] * len(bucket())
    for key in ("/etc/passwd", "issuers/x.pem", "records/\0", "records/a\nb.json", "..", ""):
        assert places.refused(key) is not None


def test_attack_two_keys_of_one_file(tmp_path: Path) -> None:
    """As a file system that does not tell capitals apart has it, or a folder where a file is."""
    assert places.write(tmp_path, "trail/x.json", b"1") is None
    assert places.write(tmp_path, "trail/x.json", b"2") is not None
    assert places.write(tmp_path, "trail/x.json/y.json", b"3") is not None
    assert (tmp_path / "trail/x.json").read_bytes() == b"1"


def test_attack_a_link_in_the_folder(exported: Path, tmp_path: Path) -> None:
    """Neither written through nor read through."""
    secret = tmp_path / "secret"
    secret.write_text("x")
    key = f"records/{PUMP}/run-2.json"
    real = (exported / key).read_bytes()
    (tmp_path / "elsewhere.json").write_bytes(real)
    (exported / key).unlink()
    (exported / key).symlink_to(tmp_path / "elsewhere.json")
    (exported / "trail/away").symlink_to(tmp_path, target_is_directory=True)
    assert {(key, "format"), ("trail/away", "format")} <= found(exported)
    if hasattr(os, "mkfifo"):
        os.mkfifo(exported / "trail/pipe.json")
        assert ("trail/pipe.json", "format") in found(exported)


def test_attack_a_folder_that_is_a_link(exported: Path, tmp_path: Path) -> None:
    (exported / "trail").rename(tmp_path / "trail")
    (exported / "trail").symlink_to(tmp_path / "trail", target_is_directory=True)
    assert ("trail", "format") in found(exported)


@pytest.mark.parametrize(
    "content", [b"", b"[" * 3_000, b"\xff", b'{"files":{"../x":"y"}}', b'{"files":{"a\\u0000":"y"}}', b'{"files":1}']
)
def test_attack_the_list_of_files(exported: Path, content: bytes) -> None:
    (exported / COMPLETE).write_bytes(content)
    assert found(exported)


@pytest.mark.parametrize("content", [b"", b"[" * 3_000, b"\xff", b'{"partial":true}'])
def test_the_index_is_not_read(exported: Path, content: bytes) -> None:
    (exported / "index.json").write_bytes(content)
    finished(exported)
    assert verify(exported).exit_code == 0


def test_attack_one_file_in_the_bucket_ends_neither_verify_nor_export(stack: Stack, tmp_path: Path) -> None:
    """Nested 3,000 deep, or a time without a zone: named, and all the rest is verified and exported."""
    bad = {
        "trail/2026-11-23/deep.json": b"[" * 3_000,
        "trail/2026-11-23/zone.json": canonical(ENTRY).replace(b"Z", b""),
    }
    stack.keep(bucket())
    stack.keep(bad, on=records.NOW)
    for arguments in (("verify", "--all"), ("export", "--output", str(tmp_path / "export"))):
        report = stack.report(*arguments)
        report = report.get("report", report)
        assert {one["key"] for one in report["failures"]} == bad.keys()
        assert (report["records"], report["trail_entries"]) == (6, 2)
    assert {key for key, _ in found(tmp_path / "export")} == bad.keys()
