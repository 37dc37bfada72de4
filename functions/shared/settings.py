"""Typed settings from the environment: one struct for each function, read once. Wrong settings are reported before anything else."""

import os
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import msgspec

from workflows import configuration_files
from workflows.configuration import FOLDER
from workflows.errors import BadInput

if TYPE_CHECKING:
    from workflows.admission.limits import Limits
    from workflows.admission.policies import Policy
    from workflows.approval.rules import Rules

S = TypeVar("S")

CONFIGURATION = FOLDER


class SettingsInvalid(BadInput):
    """An environment variable that the function needs is missing or cannot be read."""


@cache
def settings(kind: type[S]) -> S:
    """Read `kind`'s fields from the environment variables of the same names in capitals. Raises `SettingsInvalid`."""
    fields = {field.name: field.name.upper() for field in msgspec.structs.fields(kind)}  # type: ignore[arg-type]
    values = {name: os.environ[variable] for name, variable in fields.items() if variable in os.environ}
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsInvalid(
            f"{kind.__name__}: {error}. Expected environment variables: {', '.join(fields.values())}."
        ) from error


@cache
def artifact() -> str:
    """Returns how the running code was built: the kind, and from which packages. Read from the file that the build puts beside it."""
    try:
        return (CONFIGURATION.parent / "artifact.txt").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return "a checkout"


@cache
def limits() -> "Limits":
    """The operator's ``config/limits.toml``. Raises `ConfigurationInvalid`."""
    return configuration_files.limits(CONFIGURATION)


@cache
def rules() -> "Rules":
    """The operator's ``config/approval.toml``. Raises `ConfigurationInvalid`."""
    return configuration_files.rules(CONFIGURATION)


@cache
def policy(profile: str) -> "Policy | None":
    """The operator's ``config/policies/<profile>.json``; None if there is no such profile. Raises `ConfigurationInvalid`."""
    return configuration_files.policy(CONFIGURATION, profile)
