"""Typed settings from the environment: one struct a function, read once, wrong ones reported before anything else happens."""

import os
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec

from workflows.admission import limits as _limits
from workflows.errors import BadInput

S = TypeVar("S")

CONFIGURATION = Path(__file__).parents[2] / "config"
"""Where the artifact holds what the operator edits."""


class SettingsInvalid(BadInput):
    """An environment variable that the function needs is missing or cannot be read."""


@cache
def settings(kind: type[S]) -> S:
    """Read `kind`'s fields from the environment variables of the same names in capitals. Raises `SettingsInvalid`."""
    fields = {field.name: field.name.upper() for field in msgspec.structs.fields(kind)}  # type: ignore[arg-type]
    found = {name: os.environ[variable] for name, variable in fields.items() if variable in os.environ}
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsInvalid(
            f"{kind.__name__}: {error}. Expected environment variables: {', '.join(fields.values())}."
        ) from error


@cache
def limits() -> _limits.Limits:
    """The operator's ``config/limits.toml``. Raises `ConfigurationInvalid`."""
    return _limits.load((CONFIGURATION / "limits.toml").read_text(encoding="utf-8"))
