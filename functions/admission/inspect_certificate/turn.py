"""The turn that the claim handed out: may it be used now?"""

from datetime import datetime

from functions.shared.admissions import Admissions
from functions.shared.settings import limits
from functions.shared.turns import Turns
from workflows.admission.contracts import InspectInput
from workflows.admission.errors import TurnLost


def ensure_turn(request: InspectInput, admissions: Admissions, table: str, at: datetime) -> None:
    """Return when it is this admission's turn. Raises `TurnLost` once the claim may take another, `AdmissionNotOwned`."""
    if request.turn_at is None or Turns(table, limits().pacing).hold("admission", request.turn_at, at):
        return
    admissions.lose_turn(request.certificate_id, request.execution)
    raise TurnLost(f"The turn at {request.turn_at:%H:%M:%S.%f} was needed by another lane, or has lapsed.")
