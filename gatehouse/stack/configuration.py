"""The configuration files of this checkout, ``config/``: the operator edits them, and the next deployment contains them."""

from typing import TYPE_CHECKING

from workflows import configuration_files
from workflows.configuration import FOLDER

if TYPE_CHECKING:
    from workflows.admission.limits import Limits
    from workflows.admission.policies import Policy

RULES = FOLDER / "approval.toml"
PROFILES = FOLDER / "policies"


def limits() -> "Limits":
    """The content of ``config/limits.toml``. Raises `ConfigurationInvalid`."""
    return configuration_files.limits(FOLDER)


def policy(profile: str) -> "Policy | None":
    """``config/policies/<profile>.json``; None if there is no such profile. Raises `ConfigurationInvalid`."""
    return configuration_files.policy(PROFILES.parent, profile)
