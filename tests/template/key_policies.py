"""Whether a key policy allows a request, by the parts of the policy language that ours use. Neither moto nor the local cloud judges one.

A statement counts if principal, action and every condition match; a Deny counts more than any Allow
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html). A condition on a key that the request has not
does not hold, but for ``…IfExists``, ``ForAllValues:…`` and ``Null``
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).
"""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from tests.template.resources import listed


class Request(Struct, frozen=True, kw_only=True):
    """`account` is that of a person's or role's identity, `service` a service that acts as itself; one of them is given."""

    action: str
    account: str = ""
    service: str = ""
    context: dict[str, str | list[str]] = {}


def allowed(policy: dict[str, Any], request: Request) -> list[str]:
    """The names (`Sid`) of the statements that allow it; empty where none does, or one denies."""
    matching = [one for one in policy["Statement"] if _matches(one, request)]
    if any(one["Effect"] == "Deny" for one in matching):
        return []
    return [one.get("Sid", "") for one in matching]


def conditions_hold(conditions: dict[str, Any], request: Request) -> bool:
    """Whether all of a statement's conditions hold."""
    return all(_holds(operator, keys, request) for operator, keys in conditions.items())


def _matches(statement: dict[str, Any], request: Request) -> bool:
    unknown = statement.keys() - {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
    if unknown or statement["Resource"] != "*":
        raise AssertionError(f"{statement.get('Sid')}: {sorted(unknown) or 'a resource'} is not judged here")
    return (
        _is_principal(statement["Principal"], request)
        and any(fnmatchcase(request.action, pattern) for pattern in listed(statement["Action"]))
        and conditions_hold(statement.get("Condition", {}), request)
    )


def _is_principal(principal: Any, request: Request) -> bool:
    if principal == "*":
        return True
    if request.service:
        return request.service in listed(principal.get("Service", []))
    return any(
        one == "*" or re.fullmatch(rf"arn:[\w-]+:iam::{request.account}:root", one)
        for one in listed(principal.get("AWS", []))
    )


def _arns_alike(has: str, wants: str) -> bool:
    """Each of the six parts for itself: no star reaches over a colon, but in the last."""
    parts = has.split(":", 5), wants.split(":", 5)
    return all(len(one) == 6 for one in parts) and all(map(fnmatchcase, *parts))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda has, wants: has == wants,
    "StringLike": fnmatchcase,
    "ArnLike": _arns_alike,
    "ArnEquals": _arns_alike,
}


def _holds(operator: str, keys: dict[str, Any], request: Request) -> bool:
    plain = operator.removesuffix("IfExists").removeprefix("ForAllValues:")
    for key, wanted in keys.items():
        found = request.context.get(key)
        if plain == "Null":
            if (found is None) != (str(listed(wanted)[0]).lower() == "true"):
                return False
        elif found is None:
            if plain == operator:
                return False
        else:
            every = all if operator.startswith("ForAllValues:") else any
            if not every(any(_OPERATORS[plain](one, want) for want in listed(wanted)) for one in listed(found)):
                return False
    return True
