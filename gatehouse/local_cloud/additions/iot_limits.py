"""AWS IoT's limits on how many of a thing there may be, and on what may hang together.

https://docs.aws.amazon.com/general/latest/gr/iot-core.html and https://docs.aws.amazon.com/iot/latest/developerguide/:

- a thing without a thing type has at most 3 attributes, with one at most 50 (thing-types.html);
- a thing type that is deprecated takes no new things, and is deleted five minutes later at the soonest (thing-types.html);
- a thing is in at most 10 groups, and in one group of a hierarchy only once (thing-groups.html);
- a certificate or group has at most 10 policies, a policy at most 5 versions and a document of at most 2,048 characters, whitespace not
  counted, with a statement (iot-core.html).

The engine has none of these. Names and lengths are checked by ``request_shapes``.
"""

import json
import time
from collections.abc import Awaitable, Callable

from ministack.services import iot

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json, Response

ATTRIBUTES_WITHOUT_TYPE, ATTRIBUTES_WITH_TYPE = 3, 50
GROUPS_OF_A_THING = 10
POLICIES_OF_A_TARGET = 10
VERSIONS_OF_A_POLICY = 5
SECONDS_OF_DEPRECATION = 300
CHARACTERS_OF_A_DOCUMENT = 2048


def apply() -> None:
    patch.wrap(iot, "_create_thing", _create_thing)
    patch.wrap(iot, "_update_thing", _update_thing)
    patch.wrap(iot, "_delete_thing_type", _delete_thing_type)
    patch.wrap(iot, "_add_thing_to_group", _add_thing_to_group)
    patch.wrap(iot, "_create_policy", _create_policy)
    patch.wrap(iot, "_create_policy_version", _create_policy_version)
    patch.wrap(iot, "_change_policy_target", _change_policy_target)


def _create_thing(create: Callable[..., Response], name: str, payload: Json) -> Response:
    type_name = payload.get("thingTypeName")
    attributes = (payload.get("attributePayload") or {}).get("attributes") or {}
    if name not in iot._things and type_name and _is_deprecated(type_name):
        return _refused("InvalidRequestException", f"Can not create new thing with deprecated thing type: {type_name}")
    return _too_many_attributes(len(attributes), type_name) or create(name, payload)


def _update_thing(update: Callable[..., Response], name: str, payload: Json) -> Response:
    thing = iot._things.get(name) or {}
    sent = payload.get("attributePayload") or {}
    before = thing.get("attributes") or {}
    after = {**(before if sent.get("merge") or not sent else {}), **(sent.get("attributes") or {})}
    type_name = None if payload.get("removeThingType") else payload.get("thingTypeName") or thing.get("thingTypeName")
    kept = sum(value not in (None, "") for value in after.values())
    return _too_many_attributes(kept, type_name) or update(name, payload)


def _delete_thing_type(original: Callable[..., Response], name: str) -> Response:
    metadata = (iot._thing_types.get(name) or {}).get("thingTypeMetadata") or {}
    if time.time() - (metadata.get("deprecationDate") or 0) < SECONDS_OF_DEPRECATION:
        told = "Can not delete thing type before it has been deprecated for 5 minutes"
        return _refused("InvalidRequestException", told)
    return original(name)


def _is_deprecated(type_name: str) -> bool:
    metadata = (iot._thing_types.get(type_name) or {}).get("thingTypeMetadata") or {}
    return bool(metadata.get("deprecated"))


def _too_many_attributes(number: int, type_name: str | None) -> Response | None:
    most = ATTRIBUTES_WITH_TYPE if type_name else ATTRIBUTES_WITHOUT_TYPE
    if number <= most:
        return None
    kind = "with a thing type" if type_name else "without a thing type"
    return _refused("InvalidRequestException", f"A thing {kind} can have at most {most} attributes, not {number}")


async def _add_thing_to_group(original: Callable[..., Awaitable[Response]], payload: Json) -> Response:
    group_name, thing_name, error = iot._membership_names(payload)
    thing = None if error else iot._things.get(thing_name)
    groups = [name for name in (thing or {}).get("thingGroupNames", []) if name != group_name]
    if len(groups) >= GROUPS_OF_A_THING:
        return _refused("InvalidRequestException", f"A thing can be in at most {GROUPS_OF_A_THING} thing groups")
    family = _root_of(group_name)
    relative = next((name for name in groups if family and _root_of(name) == family), None)
    if relative:
        told = f"Thing {thing_name} is in {relative}, which belongs to the same hierarchy as {group_name}"
        return _refused("InvalidRequestException", told)
    return await original(payload)


def _root_of(group_name: str) -> str | None:
    """The group at the top of its hierarchy; None if there is no such group."""
    group = iot._thing_groups.get(group_name)
    while group and (parent := iot._thing_groups.get((group.get("thingGroupMetadata") or {}).get("parentGroupName"))):
        group = parent
    return group["thingGroupName"] if group else None


def _create_policy(create: Callable[..., Response], name: str, payload: Json) -> Response:
    return _bad_document(payload) or create(name, payload)


def _create_policy_version(create_version: Callable[..., Response], name: str, payload: Json, qp: Json) -> Response:
    policy = iot._policies.get(name)
    if policy and len(policy["versions"]) >= VERSIONS_OF_A_POLICY:
        told = f"The policy {name} already has the maximum number of versions ({VERSIONS_OF_A_POLICY})"
        return _refused("VersionsLimitExceededException", told, 409)
    return _bad_document(payload) or create_version(name, payload, qp)


def _bad_document(payload: Json) -> Response | None:
    text = payload.get("policyDocument")
    if not isinstance(text, str):
        return None  # request_shapes says so
    if len("".join(text.split())) > CHARACTERS_OF_A_DOCUMENT:
        told = f"The policy document is longer than {CHARACTERS_OF_A_DOCUMENT} characters, whitespace not counted"
        return _refused("MalformedPolicyException", told)
    try:
        document = json.loads(text)
    except ValueError:
        return None  # the engine says so
    if not isinstance(document, dict) or "Statement" not in document:
        return _refused("MalformedPolicyException", "The policy document has no Statement")
    return None


def _change_policy_target(
    original: Callable[..., Response], name: str, target: str | None, *, attach: bool, principal: bool = False
) -> Response:
    attached = [policy["policyName"] for policy in iot._policies_attached_to(target)] if attach and target else []
    if name in iot._policies and name not in attached and len(attached) >= POLICIES_OF_A_TARGET:
        told = f"At most {POLICIES_OF_A_TARGET} policies can be attached to {target}"
        return _refused("LimitExceededException", told, 410)
    return original(name, target, attach=attach, principal=principal)


def _refused(code: str, message: str, status: int = 400) -> Response:
    answer: Response = iot.error_response_json(code, message, status)
    return answer
