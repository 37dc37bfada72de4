"""The resources of this function: its settings, and the tables, the audit trail and the key that the settings name."""

from functions.approval.approvals_web.identity import Provider
from functions.shared.approvals import Approvals
from functions.shared.audit_trail import AuditTrail
from functions.shared.delegations import Delegations
from functions.shared.settings import settings
from functions.shared.signing import Signer


class Settings(Provider, frozen=True, kw_only=True):
    admissions_table: str
    approvals_table: str
    delegations_table: str
    sessions_table: str
    evidence_bucket: str
    approvals_url: str
    vote_signing_key_arn: str


def approvals() -> Approvals:
    """The table of requests, with the table of delegations, which the transaction of a vote checks."""
    return Approvals(settings(Settings).approvals_table, settings(Settings).delegations_table)


def delegations() -> Delegations:
    """The table of delegations."""
    return Delegations(settings(Settings).delegations_table)


def audit_trail() -> AuditTrail:
    """The audit trail, which records sign-ins and delegations."""
    return AuditTrail(settings(Settings).evidence_bucket, "approvals_web")


def vote_signer() -> Signer:
    """The stack's signing key for votes. It signs nothing else."""
    return Signer(settings(Settings).vote_signing_key_arn, settings(Settings).approvals_url)
