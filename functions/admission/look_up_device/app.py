"""Look the device up in the inventory, and ask the approval rules who decides."""

from typing import Any

from msgspec import Struct

from functions.shared import clock, issuers
from functions.shared.inventory import Inventory
from functions.shared.observability import observed
from functions.shared.settings import policy, rules, settings
from workflows.admission import contracts
from workflows.admission.device_lookup import look_up


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
    decision = look_up(
        facts,
        Inventory(used.inventory_table),
        policy,
        rules(),
        clock.now(),
        other_issuers=lambda: issuers.has_others(used.crl_bucket, facts.ca_certificate_id, facts.issuer_key),
    )
    return contracts.write(decision)
