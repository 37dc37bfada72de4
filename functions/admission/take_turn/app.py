"""Take the time at which an execution may use the account's quota, for a decision of people or the next certificate that a list revokes."""

from msgspec import Struct

from functions.shared import clock
from functions.shared.handlers import step
from functions.shared.settings import limits, settings
from functions.shared.turns import Turns
from workflows.admission.contracts import TakeTurnInput, Turn


class Settings(Struct, frozen=True, kw_only=True):
    turns_table: str


@step(TakeTurnInput)
def handler(request: TakeTurnInput) -> Turn:
    """State *Take turn*. A repeat takes another turn; the first one then stays unused. Raises AwsUnavailable."""
    turns = Turns(settings(Settings).turns_table, limits().pacing)
    return Turn(turn_at=turns.take(request.lane, clock.now()))
