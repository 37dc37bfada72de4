"""Things in AWS IoT: created from the inventory's record, attached to the certificate. Each function may run twice.

The usual case comes first and costs one call: a type or a group is created only after AWS IoT says that it is missing.
The next call may not see yet what was created a moment ago: that raises `AwsUnavailable`, which the state machine retries.
"""

from typing import Any

from botocore.exceptions import ClientError

from functions.shared import certificates
from functions.shared.aws import client, translated
from workflows.admission.contracts import DeviceRecord
from workflows.admission.errors import ThingRefused
from workflows.errors import AwsUnavailable


def make(record: DeviceRecord) -> None:
    """Create the thing as the record says, or update an existing one to match. Attributes that others set stay.

    Raises `ThingRefused`, `AwsUnavailable`.
    """
    wanted: dict[str, Any] = {"thingName": record.device}
    if record.thing_type:
        wanted["thingTypeName"] = record.thing_type
    if record.attributes:
        wanted["attributePayload"] = {"attributes": record.attributes, "merge": True}
    with translated(InvalidRequestException=ThingRefused):
        try:
            _create(wanted)
        except client("iot").exceptions.ResourceNotFoundException:
            _create_type(record.thing_type)
            with translated(ResourceNotFoundException=AwsUnavailable):
                _create(wanted)


def join(thing: str, groups: tuple[str, ...]) -> None:
    """Put the thing into its groups. Missing groups are created. Raises `ThingRefused`, `AwsUnavailable`."""
    for group in groups:
        with translated(InvalidRequestException=ThingRefused, ResourceNotFoundException=AwsUnavailable):
            try:
                client("iot").add_thing_to_thing_group(thingGroupName=group, thingName=thing)
            except client("iot").exceptions.ResourceNotFoundException:
                _create_group(group)
                client("iot").add_thing_to_thing_group(thingGroupName=group, thingName=thing)


def attach(thing: str, certificate_arn: str) -> None:
    """Attach the certificate to this thing and to no other. Raises `ThingRefused`, `CertificateUnknown`, `AwsUnavailable`.

    Whether AWS IoT accepts the same exclusive attachment twice is not documented. So a refusal counts only if the certificate is not
    attached.
    """
    try:
        with translated(InvalidRequestException=ThingRefused):
            client("iot").attach_thing_principal(
                thingName=thing, principal=certificate_arn, thingPrincipalType="EXCLUSIVE_THING"
            )
    except client("iot").exceptions.ResourceNotFoundException as error:
        raise certificates.not_seen(certificate_arn, f"the thing {thing}") from error
    except ThingRefused:
        if not is_attached(thing, certificate_arn):
            raise


def is_attached(thing: str, certificate_arn: str) -> bool:
    """Returns whether the certificate is attached to the thing; False also if there is no such thing."""
    return certificate_arn in principals(thing)


def principals(thing: str) -> list[str]:
    """Returns the ARNs of what is attached to the thing; none if there is no such thing. Raises `AwsUnavailable`, `AccessRefused`."""
    try:
        with translated():
            pages = client("iot").get_paginator("list_thing_principals").paginate(thingName=thing)
            return [principal for page in pages for principal in page["principals"]]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return []


def detach(thing: str, certificate_arn: str) -> bool:
    """Detach the certificate from the thing. Returns False if it was not attached."""
    if not is_attached(thing, certificate_arn):
        return False
    with translated():
        client("iot").detach_thing_principal(thingName=thing, principal=certificate_arn)
    return True


def _create(wanted: dict[str, Any]) -> None:
    """CreateThing returns an existing thing if it is the same; a different one is updated to match `wanted`."""
    try:
        client("iot").create_thing(**_without_merge(wanted))
    except client("iot").exceptions.ResourceAlreadyExistsException:
        client("iot").update_thing(**wanted)


def _without_merge(wanted: dict[str, Any]) -> dict[str, Any]:
    """CreateThing has no `merge` parameter."""
    if "attributePayload" not in wanted:
        return wanted
    return wanted | {"attributePayload": {"attributes": wanted["attributePayload"]["attributes"]}}


def _create_type(name: str) -> None:
    try:
        client("iot").create_thing_type(thingTypeName=name)
    except client("iot").exceptions.ResourceAlreadyExistsException:
        return  # somebody else has just made it


def _create_group(name: str) -> None:
    try:
        client("iot").create_thing_group(thingGroupName=name)
    except client("iot").exceptions.ResourceAlreadyExistsException:
        return
