"""The files in a configuration folder, read: for the functions, from their artifact, and for the commands, from the checkout.

Each raises `ConfigurationInvalid`. What one function does not read is not imported: that keeps its start short.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workflows.admission.limits import Limits
    from workflows.admission.policies import Policy
    from workflows.approval.rules import Rules


def limits(folder: Path) -> "Limits":
    """``limits.toml``."""
    from workflows.admission import limits as the_limits

    return the_limits.load((folder / "limits.toml").read_text(encoding="utf-8"))


def rules(folder: Path) -> "Rules":
    """``approval.toml``."""
    from workflows.approval import rules as the_rules

    return the_rules.load((folder / "approval.toml").read_text(encoding="utf-8"))


def policy(folder: Path, profile: str) -> "Policy | None":
    """``policies/<profile>.json``; None if there is no such profile."""
    from workflows.admission import policies

    if not policies.PROFILE.fullmatch(profile):
        return None  # the name comes from the inventory: a text that is not a valid profile name must not become a path
    try:
        text = (folder / "policies" / f"{profile}.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return policies.load(profile, text)
