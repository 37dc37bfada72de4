"""When may the next certificate be revoked? At the account's quota, which people and knocking devices share."""

from typing import Any

from msgspec import Struct

from functions.shared import clock
from functions.shared.observability import observed
from functions.shared.settings import limits, settings
from functions.shared.turns import Turns
from workflows.admission import contracts
from workflows.revocation.sweep import Turn


class Settings(Struct, frozen=True, kw_only=True):
    turns_table: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """State *Take turn*. Output: Turn. A repeat takes another: the first then stays unused. Raises AwsUnavailable."""
    turn_at = Turns(settings(Settings).turns_table, limits().pacing).take("sweep", clock.now())
    return contracts.write(Turn(turn_at=turn_at))
