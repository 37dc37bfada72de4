"""The zip that functions run from: its two kinds, what it has of the SDK, and that the same input is the same bytes."""

import io
import shutil
import stat
import sys
import zipfile
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path

import boto3
import botocore
import pytest

from functions.reconciliation.reconcile_fleet.findings import Findings
from functions.shared import settings
from gatehouse.doctor import checkup
from gatehouse.stack import artifact
from gatehouse.stack.artifact import BuildFailed
from gatehouse.stack.target import Target
from tests.calls import read
from tests.deployed import ROOT
from workflows.reconciliation.rounds import Cursor


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """As if installed: boto3 and the part of botocore that is looked at."""
    place = tmp_path / "package"
    data = Path(botocore.__file__).parent / "data"
    for name in (*artifact.services(ROOT), "ec2"):
        shutil.copytree(data / name, place / "botocore" / "data" / name)
    for path in data.glob("*.json"):
        shutil.copy(path, place / "botocore" / "data" / path.name)
    (place / "botocore" / "__init__.py").write_text("")
    (place / "boto3" / "examples").mkdir(parents=True)
    (place / "boto3" / "examples" / "s3.rst").write_text("")
    (place / "boto3" / "__init__.py").write_text("__version__ = '1'\n")
    (place / f"boto3-{boto3.__version__}.dist-info").mkdir()
    (place / "bin").mkdir()
    (place / "bin" / "normalizer").write_text("#!/usr/bin/python")
    return place


def names(built: artifact.Artifact) -> set[str]:
    return set(zipfile.ZipFile(io.BytesIO(built.content)).namelist())


def called() -> frozenset[str]:
    """Whose clients the functions use, by the reader of calls: another one than the build's."""
    return frozenset(call.service for file in read() for call in file.calls() if call.where.startswith("functions/"))


def test_services_are_those_that_the_functions_call() -> None:
    assert artifact.services(ROOT) == called()
    assert {"iot", "sts", "lambda"} <= called()


def test_artifact_has_the_models_of_these_services_and_of_no_other(packages: Path) -> None:
    inside = names(artifact.assemble(ROOT, packages, None))
    models = {name.split("/")[2] for name in inside if name.startswith("botocore/data/") and name.count("/") > 2}
    assert models == called()
    assert {
        f"botocore/data/{name}.json" for name in ("endpoints", "partitions", "_retry", "sdk-default-configuration")
    } <= inside
    assert not [name for name in inside if "examples" in name or name.startswith(("bin/", "boto3/data/"))]


def test_partitions_stay_what_they_are(packages: Path) -> None:
    """The functions find regional addresses in every partition by these files."""
    built = zipfile.ZipFile(io.BytesIO(artifact.assemble(ROOT, packages, None).content))
    data = Path(botocore.__file__).parent / "data"
    for name in ("endpoints.json", "partitions.json"):
        assert built.read(f"botocore/data/{name}") == (data / name).read_bytes()
    for service in called():
        assert any(
            name.startswith(f"botocore/data/{service}/") and "endpoint-rule-set" in name for name in built.namelist()
        ), service


def test_a_service_without_a_model_is_said(packages: Path) -> None:
    shutil.rmtree(packages / "botocore" / "data" / "iot")
    with pytest.raises(BuildFailed, match="no model of iot"):
        artifact.assemble(ROOT, packages, None)


def test_sdk_is_that_of_the_lock() -> None:
    wanted = artifact._packages(ROOT)
    assert any(one.startswith("boto3") for one in wanted)
    lock = (ROOT / "requirements.lock").read_text()
    for name in ("boto3", "botocore", "s3transfer", "jmespath"):
        assert f"\n{name}==" in f"\n{lock}"
    assert f"boto3=={distribution('boto3').version} " in lock


@pytest.mark.parametrize("python", [None, sys.executable], ids=["source", "bytecode"])
def test_each_kind_is_the_same_bytes_twice(python: str | None, packages: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "at another time and place"
    shutil.copytree(packages, elsewhere)
    first = artifact.assemble(ROOT, packages, python)
    again = artifact.assemble(ROOT, packages, python)
    other = artifact.assemble(ROOT, elsewhere, python)
    assert first.sha256 == again.sha256 == other.sha256
    assert first.kind == ("bytecode" if python else "source")
    assert any(name.endswith(".pyc") for name in names(first)) is bool(python)


@pytest.mark.parametrize(("python", "said"), [(None, "source"), (sys.executable, "bytecode")])
def test_artifact_says_how_it_was_built(python: str | None, said: str, packages: Path) -> None:
    built = artifact.assemble(ROOT, packages, python)
    text = zipfile.ZipFile(io.BytesIO(built.content)).read(artifact.LABEL).decode()
    assert text == f"{said}, boto3 {boto3.__version__}\n"


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_python_that_fails_counts_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pyenv's shim for a version that is not chosen; one that says another version; one that is no Python at all."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python3.11")
    shims = script(tmp_path / "shims" / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    other = script(tmp_path / "other" / "python3.13", "echo cpython 3 12 final")
    early = script(tmp_path / "early" / "python3.13", "echo cpython 3 13 alpha")
    pypy = script(tmp_path / "pypy" / "python3.13", "echo pypy 3 13 final")
    path = [str(one.parent) for one in (shims, other, early, pypy)]
    monkeypatch.setenv("PATH", ":".join(path))
    assert artifact.interpreter() is None
    works = script(tmp_path / "works" / "python3.13", "echo cpython 3 13 final")
    monkeypatch.setenv("PATH", ":".join([*path, str(works.parent)]))
    assert artifact.interpreter() == str(works), "behind the shim that fails"


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, packages: Path) -> Path:
    """A small one, to be built without the network."""
    for folder in ("functions", "workflows", "config", "build"):
        (tmp_path / folder).mkdir()
    (tmp_path / "functions" / "one.py").write_text('client("iot")\n')
    monkeypatch.setattr(artifact, "__file__", str(tmp_path / "gatehouse" / "stack" / "artifact.py"))
    monkeypatch.setattr(artifact, "install", lambda _, place, *__: shutil.copytree(packages, place))
    return tmp_path


@pytest.mark.parametrize(("found", "kind"), [(None, "source"), (sys.executable, "bytecode")])
def test_build_writes_the_kind_into_the_name_and_the_file_that_the_template_names(
    found: str | None, kind: str, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(artifact, "interpreter", lambda: found)
    artifact.main([])
    said = capsys.readouterr().out
    assert f"build/gatehouse-{kind}.zip: " in said
    assert ("No working Python 3.13 was found" in said) is (found is None)
    built = (checkout / "build" / f"gatehouse-{kind}.zip").read_bytes()
    assert (checkout / "build" / "gatehouse.zip").read_bytes() == built


def test_a_release_is_not_built_without_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "interpreter", lambda: None)
    with pytest.raises(SystemExit, match=r"python3\.13 on the PATH"):
        artifact.main(["--bytecode"])
    with pytest.raises(SystemExit, match="Expected --bytecode or nothing; got --fast"):
        artifact.main(["--fast"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bytecode, boto3 1.43.106\n", "bytecode, boto3 1.43.106"),
        ("source, boto3 1.43.106\n", "source, boto3 1.43.106: without bytecode"),
        (None, "a checkout"),
    ],
)
def test_doctor_says_which_kind_runs(
    text: str | None, found: str, target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The function notes what stands in its own zip, and the command reads the note."""
    assert "has not noted it yet" in checkup._artifact(target).result
    if text:
        (tmp_path / artifact.LABEL).write_text(text)
    monkeypatch.setattr(settings, "CONFIGURATION", tmp_path / "config")
    settings.artifact.cache_clear()
    now = datetime(2026, 11, 1, tzinfo=UTC)
    cursor = Cursor(round="arrivals", round_began=now, walk="registered", walk_began=now)
    Findings(target.output("FindingsTable")).set_cursor(cursor)
    settings.artifact.cache_clear()
    check = checkup._artifact(target)
    assert check.result == found
    assert (check.state, bool(check.advice)) == (("warning", True) if "without" in found else ("ok", False))
    assert Findings(target.output("FindingsTable")).cursor("arrivals") == cursor
