"""Settings are read once, and wrong ones are named before anything else happens."""

import pytest
from msgspec import Struct

from functions.shared import settings
from functions.shared.settings import SettingsInvalid


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    days: int = 3


def test_settings_come_from_variables_of_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYS", "7")
    assert settings.settings(Settings) == Settings(admissions_table="Admissions", days=7)


@pytest.mark.parametrize(("variable", "value"), [("ADMISSIONS_TABLE", None), ("DAYS", "seven")])
def test_a_missing_or_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid, match=rf"{variable.lower()}.*Expected environment variables: ADMISSIONS_TABLE"):
        settings.settings(Settings)


def test_the_shipped_configuration_can_be_read() -> None:
    assert settings.limits().certificate.min_rsa_bits >= 2048
    assert settings.rules().rules
    assert settings.policy("device") is not None


@pytest.mark.parametrize("profile", ["gone", "../limits", "/etc/passwd", "", "device.json", "DEVICE", "a" * 64])
def test_what_is_no_profile_is_none(profile: str) -> None:
    """It comes from the inventory: it must not become a path."""
    assert settings.policy(profile) is None
