"""Look the device up in the inventory, and ask the approval rules who decides."""

from typing import Any

from msgspec import Struct

from functions.shared import clock, issuers
from functions.shared.inventory import Inventory
from functions.shared.observability import observed
from functions.shared.settings import policy, rules, settings
from workflows.admission import contracts
from workflows.admission.decision import decide
from workflows.admission.inventory import counts_for_every_ca, denied_by, lookup_keys, match


class Settings(Struct, frozen=True, kw_only=True):
    inventory_table: str
    crl_bucket: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """States *Look up device* and *Look up device again*. Input: LookUpInput; output: DeviceDecision. Changes nothing.

    Raises AwsUnavailable (retryable).
    """
    facts = contracts.read(contracts.LookUpInput, event).certificate
    used = settings(Settings)
    inventory = Inventory(used.inventory_table)
    matched = match(facts, inventory.records(lookup_keys(facts)), clock.now())
    record, binding = matched.record, None
    if record is not None and not matched.denied:
        binding, mark = inventory.standing(record.device)
        matched = denied_by(matched, mark)
    if record is None or matched.denied:
        return contracts.write(decide(facts, matched, None, None, rules()))
    others = counts_for_every_ca(record) and issuers.has_others(
        used.crl_bucket, facts.ca_certificate_id, facts.issuer_key
    )
    return contracts.write(
        decide(facts, matched, binding, policy(record.policy_profile), rules(), other_issuers=others)
    )
