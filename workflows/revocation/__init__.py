"""Revocation: whether a certificate is revoked, by which list, and what to do when a new list comes.

The public names are fetched when they are asked for: every function of the admission workflow knows the `Verdict`, and few need
what reads a list, whose imports would be a fifth of their start.
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
