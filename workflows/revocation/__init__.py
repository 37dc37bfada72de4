"""Revocation: whether a certificate is revoked, by which list, and what to do when a new list comes."""

from workflows.revocation.checker import check
from workflows.revocation.scope import scope_id
from workflows.revocation.verdict import ListFacts, NotCounted, Verdict
from workflows.revocation.verified import CheckedList, Refused, VerifiedList, verify_list

__all__ = [
    "CheckedList",
    "ListFacts",
    "NotCounted",
    "Refused",
    "Verdict",
    "VerifiedList",
    "check",
    "scope_id",
    "verify_list",
]
