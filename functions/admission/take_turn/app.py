"""When may the account's quota be used for what people have decided, or for the next certificate that a list revokes?"""

from typing import Any

from msgspec import Struct

from functions.shared import clock
from functions.shared.observability import observed
from functions.shared.settings import limits, settings
from functions.shared.turns import Turns
from workflows.admission import contracts


class Settings(Struct, frozen=True, kw_only=True):
    turns_table: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """State *Take turn*. Input: TakeTurnInput; output: Turn. A repeat takes another: the first then stays unused. Raises AwsUnavailable."""
    lane = contracts.read(contracts.TakeTurnInput, event).lane
    turn_at = Turns(settings(Settings).turns_table, limits().pacing).take(lane, clock.now())
    return contracts.write(contracts.Turn(turn_at=turn_at))
