"""Whoever changes a rule, a limit or a policy leaves the old text and the new on the audit trail."""

from pathlib import Path

import pytest

from functions.evidence.record_configuration import app
from functions.shared.vault import Vault
from tests import aws_environment, faults, pki
from tests.functions.evidence.test_audit_trail import kept
from workflows.evidence.errors import TrailUnavailable

RULES = "config/approval.toml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of its own, as deployed."""
    config = tmp_path / "config"
    (config / "policies").mkdir(parents=True)
    (config / "approval.toml").write_text("version = '1'\n")
    (config / "policies" / "device.json").write_text("{}\n")
    monkeypatch.setattr(app, "CONFIGURATION", config)
    return config


def notice() -> list[str]:
    files: list[str] = aws_environment.call(app.handler, {})["files"]
    return files


def test_the_first_deployment_is_recorded_whole(folder: Path) -> None:
    assert notice() == [RULES, "config/policies/device.json"]
    (made,) = kept()
    assert (made.category, made.type, made.result, made.source) == (
        "configuration",
        "deploy",
        "succeeded",
        "record_configuration",
    )
    assert (made.old, made.new) == ({}, {RULES: "version = '1'\n", "config/policies/device.json": "{}\n"})


def test_nothing_is_recorded_when_nothing_changed(folder: Path) -> None:
    notice()
    assert notice() == []
    assert len(kept()) == 1


def test_a_change_is_recorded_with_old_and_new(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notice()
    aws_environment.set_clock(monkeypatch, pki.NOW + pki.HOUR)
    (folder / "approval.toml").write_text("version = '2'\n")
    assert notice() == [RULES]
    assert (kept()[-1].old, kept()[-1].new) == ({RULES: "version = '1'\n"}, {RULES: "version = '2'\n"})


def test_going_back_to_an_older_text_is_a_change_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for hour, version in enumerate("121"):
        aws_environment.set_clock(monkeypatch, pki.NOW + hour * pki.HOUR)
        (folder / "approval.toml").write_text(f"version = '{version}'\n")
        assert RULES in notice()
    assert kept()[-1].new == {RULES: "version = '1'\n"}


def test_a_file_that_came_or_went_is_recorded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notice()
    aws_environment.set_clock(monkeypatch, pki.NOW + pki.HOUR)
    (folder / "policies" / "device.json").rename(folder / "policies" / "pump.json")
    assert notice() == ["config/policies/device.json", "config/policies/pump.json"]
    assert (kept()[-1].old, kept()[-1].new) == (
        {"config/policies/device.json": "{}\n"},
        {"config/policies/pump.json": "{}\n"},
    )


def test_a_trail_that_cannot_be_written_is_tried_again_and_loses_nothing(folder: Path) -> None:
    with faults.refused("s3", "PutObject", "SlowDown", times=9, status=503), pytest.raises(TrailUnavailable):
        notice()
    assert list(Vault("gatehouse-evidence").listing(app.FOLDER)) == []
    assert RULES in notice()


def test_what_is_deployed_is_what_is_recorded() -> None:
    assert {RULES, "config/limits.toml", "config/policies/device.json"} <= set(notice())
