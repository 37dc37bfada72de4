"""Revocation: whether a certificate is revoked, by which list, and what a new list changes.

The public names are imported on first use: every function of the admission workflow needs the `Verdict`, and few need the
reader of lists, whose imports would be a fifth of their start time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOME = {
    "check": "checker",
    "scope_id": "scope",
    **dict.fromkeys(("ListFacts", "NotCounted", "Verdict"), "verdict"),
    **dict.fromkeys(("CheckedList", "Refused", "VerifiedList", "verify_list"), "verified"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
