"""Bind device and certificate, create the thing, and only then set the certificate ACTIVE."""

from msgspec import Struct

from functions.admission.activate_certificate.activation import activate
from functions.admission.activate_certificate.still_allowed import ensure_no_trial, ensure_turn
from functions.shared import clock
from functions.shared.admissions import Admissions
from functions.shared.handlers import step
from functions.shared.inventory import Inventory
from functions.shared.settings import settings
from workflows.admission.contracts import ActivateInput, Activation
from workflows.admission.permission import record_of


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    turns_table: str
    inventory_table: str


@step(ActivateInput)
def handler(request: ActivateInput) -> Activation:
    """State *Activate certificate*. Repeatable after a crash anywhere in between.

    Raises AdmissionNotOwned; TurnLost (→ Take turn) and ApprovalLapsed, CertificateChanged, CertificateUnknown, DeviceBoundElsewhere
    (→ Hold), and then nothing stays bound; ThingRefused (→ Roll back); BadInput if there is no decision for this.
    """
    record, environment, at = record_of(request), settings(Settings), clock.now()
    inventory = Inventory(environment.inventory_table)
    admission = Admissions(environment.admissions_table).retain(request.certificate.certificate_id, request.execution)
    ensure_no_trial(admission)
    ensure_turn(request, record, inventory, environment.turns_table, at)
    return activate(request, record, admission, inventory, at)
