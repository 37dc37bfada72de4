"""Things in AWS IoT: made from the inventory's record, attached to the certificate. Each function may run twice.

The usual case comes first and costs one call: a type or a group is only made once AWS IoT says that it is missing.
What was made a moment ago may not be seen by the next call yet: that is `AwsUnavailable`, which the state machine retries.
"""

from typing import Any

from botocore.exceptions import ClientError

from functions.shared import certificates
from functions.shared.aws import client, translated
from workflows.admission.contracts import DeviceRecord
from workflows.admission.errors import ThingRefused
from workflows.errors import AwsUnavailable


def make(record: DeviceRecord) -> None:
    """Make the thing as the record says, or bring an existing one to it. Attributes that others gave it stay.

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
    """Put the thing into its groups, making those that are missing. Raises `ThingRefused`, `AwsUnavailable`."""
    for group in groups:
        with translated(InvalidRequestException=ThingRefused, ResourceNotFoundException=AwsUnavailable):
            try:
                client("iot").add_thing_to_thing_group(thingGroupName=group, thingName=thing)
            except client("iot").exceptions.ResourceNotFoundException:
                _create_group(group)
                client("iot").add_thing_to_thing_group(thingGroupName=group, thingName=thing)


def attach(thing: str, certificate_arn: str) -> None:
    """Attach the certificate to this thing and to no other. Raises `ThingRefused`, `CertificateUnknown`, `AwsUnavailable`.

    Whether AWS IoT takes the same exclusive attachment twice is not documented, so a refusal counts only if it is not there.
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
    """Whether the certificate is attached to the thing; False too if there is no such thing."""
    return certificate_arn in principals(thing)


def principals(thing: str) -> list[str]:
    """The ARNs of what is attached to the thing; none if there is no such thing. Raises `AwsUnavailable`, `AccessRefused`."""
    try:
        with translated():
            pages = client("iot").get_paginator("list_thing_principals").paginate(thingName=thing)
            return [principal for page in pages for principal in page["principals"]]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return []


def detach(thing: str, certificate_arn: str) -> bool:
    """Detach the certificate from the thing. False if it was not attached."""
    if not is_attached(thing, certificate_arn):
        return False
    with translated():
        client("iot").detach_thing_principal(thingName=thing, principal=certificate_arn)
    return True


def _create(wanted: dict[str, Any]) -> None:
    """CreateThing answers an existing thing if it is the same; a different one is brought to what is wanted."""
    try:
        client("iot").create_thing(**_without_merge(wanted))
    except client("iot").exceptions.ResourceAlreadyExistsException:
        client("iot").update_thing(**wanted)


def _without_merge(wanted: dict[str, Any]) -> dict[str, Any]:
    """CreateThing knows no merging."""
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
