"""The configuration files of this checkout, ``config/``: the operator edits them, and the next deployment contains them."""

from typing import TYPE_CHECKING

from workflows.configuration import FOLDER

if TYPE_CHECKING:
    from workflows.admission.limits import Limits

RULES = FOLDER / "approval.toml"
PROFILES = FOLDER / "policies"


def limits() -> "Limits":
    """The content of ``config/limits.toml``. Raises `ConfigurationInvalid`."""
    from workflows.admission import limits as the_limits

    return the_limits.load((FOLDER / "limits.toml").read_text(encoding="utf-8"))
