"""What an operator's sealed act writes: the change, and its record as the latest of the certificate's chain."""

from typing import Any

from functions.shared import clock, conditional
from functions.shared.chains import Head
from functions.shared.conditional import ConditionFailed
from workflows.evidence.acts import Ask
from workflows.evidence.record import Change, Link

LEARNED = (
    "execution_name, turn_at, last_seen, knocks, reason, fault, inspected_at, subject, common_name, not_after, expires_in, "
    "issuer_key, serial, revoked_by, revoking_since, revoked_at, closed_by, awaited, awaited_since, returned_at, trial"
)
"""What `forget` removes. Outcome, device and the name of the sealed record stay: the next record is chained to that record."""

NOBODY = "forgotten"
"""The owner of a forgotten admission: it is not an execution, so no redrive can continue the admission."""


def write(table: str, ask: Ask, head: Head, change: Change, link: Link, *also: dict[str, Any]) -> bool:
    """Change the row and make `link` the chain's latest record, in one write: an act whose record is in the chain was carried out.

    `also` are the act's changes in other tables: parts of one transaction
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html: it needs the permission for each write).
    Returns False and does nothing if the row has changed since it was read.
    """
    expression = "SET evidence_key = :key, evidence_sha256 = :sha"
    given: dict[str, object] = {"key": link.key, "sha": link.sha256, "was": head.outcome, "owner": head.execution_arn}
    if "outcome" in change.after:
        expression += ", outcome = :outcome, reason = :reason, fault = :reason, closed_at = :at"
        given |= {"outcome": change.after["outcome"], "reason": change.after["reason"]}
        given["at"] = clock.from_microseconds(change.after["reopen_at"] * 1000)
    if ask.act == "forget":
        expression += ", execution_arn = :nobody"
        given["nobody"] = NOBODY
    if ask.act in (
        "reopen",
        "forget",
        "close",
    ):  # a new attempt: no execution has had the name that the next knock starts
        expression += ", reopen_at = :now ADD attempts :one"
        given |= {"now": change.after["reopen_at"], "one": 1}
    if ask.act == "forget":
        expression += f" REMOVE {LEARNED}"
    unchanged = "attribute_not_exists(evidence_sha256)"
    if head.link is not None:
        unchanged, given["before"] = "evidence_sha256 = :before", head.link.sha256
    key, condition = (
        {"certificate_id": ask.certificate_id},
        f"outcome = :was AND execution_arn = :owner AND {unchanged}",
    )
    if also:
        mine = conditional.change(table, key, expression, condition=condition, given=given)
        return conditional.transact([mine, *also])
    try:
        conditional.update(table, key, expression, condition=condition, given=given)
    except ConditionFailed:
        return False
    return True
