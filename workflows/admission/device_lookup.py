"""From a certificate's facts to a decision: the inventory's lines for it, what its device is bound to, and the approval rules.

The state *Look up device* and ``gatehouse rules explain`` both call `look_up`, so that the two cannot differ. The caller passes the
functions that read.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from workflows.admission.contracts import CertificateFacts, DeviceDecision, DeviceRecord
from workflows.admission.decision import decide
from workflows.admission.inventory import Binding, counts_for_every_ca, denied_by, lookup_keys, match
from workflows.admission.policies import Policy
from workflows.approval.rules import Rules


class Inventory(Protocol):
    """Where lines and bindings are read from."""

    def records(self, keys: Sequence[str]) -> Sequence[DeviceRecord]:
        """Returns the lines under these lookup keys; missing lines are left out."""

    def standing(self, device: str) -> tuple[Binding | None, DeviceRecord | None]:
        """Returns the device's binding and the line ``denied#<device>``; None for each that does not exist."""


def look_up(
    facts: CertificateFacts,
    inventory: Inventory,
    policy: Callable[[str], Policy | None],
    rules: Rules,
    at: datetime,
    *,
    other_issuers: Callable[[], bool],
) -> DeviceDecision:
    """Returns what to do with the certificate at `at`, and why. Changes nothing; raises what its arguments raise.

    `policy` returns the profile of this name, None if there is none. `other_issuers` returns whether CAs with other keys are registered;
    it is called only if a line gives a name without a CA.
    """
    matched = match(facts, inventory.records(lookup_keys(facts)), at)
    record, binding = matched.record, None
    if record is not None and not matched.denied:
        binding, mark = inventory.standing(record.device)
        matched = denied_by(matched, mark)
    if record is None or matched.denied:
        return decide(facts, matched, None, None, rules)
    others = counts_for_every_ca(record) and other_issuers()
    return decide(facts, matched, binding, policy(record.policy_profile), rules, other_issuers=others)
