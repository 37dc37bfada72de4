"""Look the device up in the inventory, and ask the approval rules who decides."""

from typing import Any

from msgspec import Struct

from functions.shared import clock
from functions.shared.inventory import Inventory
from functions.shared.observability import observed
from functions.shared.settings import policy, rules, settings
from workflows.admission import contracts
from workflows.admission.decision import decide
from workflows.admission.inventory import lookup_keys, match


class Settings(Struct, frozen=True, kw_only=True):
    inventory_table: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """States *Look up device* and *Look up device again*. Input: LookUpInput; output: DeviceDecision. Changes nothing.

    Raises AwsUnavailable (retryable).
    """
    facts = contracts.read(contracts.LookUpInput, event).certificate
    inventory = Inventory(settings(Settings).inventory_table)
    matched = match(facts, inventory.records(lookup_keys(facts)), clock.now())
    record = matched.record
    if record is None or matched.denied:
        return contracts.write(decide(facts, matched, None, None, rules()))
    return contracts.write(
        decide(facts, matched, inventory.binding(record.device), policy(record.policy_profile), rules())
    )
