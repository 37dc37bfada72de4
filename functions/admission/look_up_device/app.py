"""Look the device up in the inventory, and ask the approval rules who decides."""

from msgspec import Struct

from functions.shared import clock, issuers
from functions.shared.handlers import step
from functions.shared.inventory import Inventory
from functions.shared.settings import policy, rules, settings
from workflows.admission.contracts import DeviceDecision, LookUpInput
from workflows.admission.decision import decide
from workflows.admission.inventory import counts_for_every_ca, denied_by, lookup_keys, match


class Settings(Struct, frozen=True, kw_only=True):
    inventory_table: str
    crl_bucket: str


@step(LookUpInput)
def handler(request: LookUpInput) -> DeviceDecision:
    """States *Look up device* and *Look up device again*. Changes nothing. Raises AwsUnavailable (retryable)."""
    facts, used = request.certificate, settings(Settings)
    inventory = Inventory(used.inventory_table)
    matched = match(facts, inventory.records(lookup_keys(facts)), clock.now())
    record, binding = matched.record, None
    if record is not None and not matched.denied:
        binding, mark = inventory.standing(record.device)
        matched = denied_by(matched, mark)
    if record is None or matched.denied:
        return decide(facts, matched, None, None, rules())
    others = counts_for_every_ca(record) and issuers.has_others(
        used.crl_bucket, facts.ca_certificate_id, facts.issuer_key
    )
    return decide(facts, matched, binding, policy(record.policy_profile), rules(), other_issuers=others)
