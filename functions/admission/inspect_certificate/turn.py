"""Use the turn that the claim gave."""

from datetime import datetime

from functions.shared.admissions import Admissions
from functions.shared.settings import limits
from functions.shared.turns import Turns
from workflows.admission.contracts import InspectInput
from workflows.admission.errors import TurnLost


def ensure_turn(request: InspectInput, admissions: Admissions, table: str, at: datetime) -> None:
    """Return when it is this admission's turn. Raises `TurnLost` once the claim may take another, `AdmissionNotOwned`."""
    try:
        Turns(table, limits().pacing).ensure("admission", request.turn_at, at)
    except TurnLost:
        admissions.lose_turn(request.certificate_id, request.execution)
        raise
