"""Claim the certificate for this execution, and take its turn."""

from msgspec import Struct

from functions.shared import clock
from functions.shared.admissions import Admissions
from functions.shared.handlers import step
from functions.shared.observability import logger
from functions.shared.settings import limits, settings
from functions.shared.turns import Turns
from workflows.admission.contracts import Claim, ClaimInput
from workflows.admission.registration import read_event


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    turns_table: str


@step(ClaimInput)
def handler(request: ClaimInput) -> Claim:
    """State *Claim admission*. Raises EventMalformed (→ Fail), AwsUnavailable (retryable).

    A repeat returns the claim and its first turn, or another turn once the first is lost (*Inspect certificate*).
    """
    registered = read_event(request.event)
    logger.append_keys(certificate_id=registered.certificate_id)
    environment, at = settings(Settings), clock.now()
    admissions = Admissions(environment.admissions_table)

    ours, admission = admissions.claim(registered.certificate_id, registered.ca_certificate_id, request.execution, at)
    turn_at = admission.turn_at
    if ours and turn_at is None:
        turn = Turns(environment.turns_table, limits().pacing).take("admission", at)
        turn_at = admissions.give_turn(registered.certificate_id, request.execution, turn)
    return Claim(
        status="claimed" if ours else "duplicate",
        certificate_id=registered.certificate_id,
        ca_certificate_id=admission.ca_certificate_id,
        owner=admission.execution_arn,
        knocks=admission.knocks,
        turn_at=turn_at or at,
    )
