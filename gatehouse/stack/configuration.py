"""The configuration files of this checkout, ``config/``: the operator edits them, and the next deployment contains them."""

from typing import TYPE_CHECKING

from workflows.configuration import FOLDER

if TYPE_CHECKING:
    from workflows.admission.limits import Limits
    from workflows.admission.policies import Policy

RULES = FOLDER / "approval.toml"
PROFILES = FOLDER / "policies"


def limits() -> "Limits":
    """The content of ``config/limits.toml``. Raises `ConfigurationInvalid`."""
    from workflows.admission import limits as the_limits

    return the_limits.load((FOLDER / "limits.toml").read_text(encoding="utf-8"))


def policy(profile: str) -> "Policy | None":
    """``config/policies/<profile>.json``; None if there is no such profile. Raises `ConfigurationInvalid`."""
    from workflows.admission import policies

    file = PROFILES / f"{profile}.json"
    if not policies.PROFILE.fullmatch(profile) or not file.is_file():
        return None  # the name comes from the inventory: what is no profile's name must not become a path
    return policies.load(profile, file.read_text(encoding="utf-8"))
