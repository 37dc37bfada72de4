"""Look up the device in the inventory, and find out from the approval rules who decides."""

from msgspec import Struct

from functions.shared import clock, issuers
from functions.shared.handlers import step
from functions.shared.inventory import Inventory
from functions.shared.settings import policy, rules, settings
from workflows.admission.contracts import DeviceDecision, LookUpInput
from workflows.admission.device_lookup import look_up


class Settings(Struct, frozen=True, kw_only=True):
    inventory_table: str
    crl_bucket: str


@step(LookUpInput)
def handler(request: LookUpInput) -> DeviceDecision:
    """States *Look up device* and *Look up device again*. Changes nothing. Raises AwsUnavailable (retryable)."""
    facts, environment = request.certificate, settings(Settings)
    return look_up(
        facts,
        Inventory(environment.inventory_table),
        policy,
        rules(),
        clock.now(),
        other_issuers=lambda: issuers.has_others(environment.crl_bucket, facts.ca_certificate_id, facts.issuer_key),
    )
