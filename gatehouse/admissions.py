"""The admissions table from the operator's side: which certificates knocked, and what became of them."""

import heapq
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Literal, get_args

import msgspec

from gatehouse import tables
from gatehouse.errors import NotFound
from gatehouse.target import Target
from workflows.errors import BadInput
from workflows.evidence.acts import GONE

Standing = Literal["open", "admitted", "refused", "held", "failed"]
STANDINGS: tuple[Standing, ...] = get_args(Standing)


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate's admission as the table has it. Subject, reason and device may be the device's own words."""

    certificate_id: str
    outcome: Standing
    ca_certificate_id: str = ""
    execution_arn: str = ""
    execution_name: str = ""
    claimed_at: datetime | None = None
    turn_at: datetime | None = None
    closed_at: datetime | None = None
    last_seen: datetime | None = None
    knocks: int = 0
    device: str | None = None
    subject: str | None = None
    issuer_key: str | None = None
    serial: str | None = None
    reason: str | None = None
    fault: str | None = None
    evidence_key: str | None = None
    evidence_sha256: str | None = None
    awaited: Literal["return", "admission"] | None = None
    """What is waited for, and since when: that an admitted device connects, or that a held one is let in."""
    awaited_since: datetime | None = None
    returned_at: datetime | None = None
    """When the device first connected after it was let in."""
    reopen_at: int | None = None
    """From when a knock may start anew, in milliseconds since the epoch; the last second of the year 9999 for never."""
    trial: bool = False
    """Of `gatehouse doctor --knock`: never admitted, and nobody waits for it."""


def list_newest(
    target: Target, *, outcome: Standing | None = None, device: str | None = None, limit: int
) -> list[Admission]:
    """The newest admissions, at most `limit`: of one device, of one outcome, or of all."""
    if device is not None:
        found = _query(target, "by_device", "device", device)
        if outcome is not None:
            found = (admission for admission in found if admission.outcome == outcome)
    else:
        lanes = [_query(target, "by_outcome", "outcome", lane) for lane in ([outcome] if outcome else STANDINGS)]
        found = heapq.merge(*lanes, key=lambda admission: str(admission.claimed_at), reverse=True)
    return list(islice(found, limit))


def oldest_open(target: Target, *, limit: int) -> list[Admission]:
    """The admissions that have been open longest, at most `limit`, oldest first."""
    found = tables.of_index(
        target.client("dynamodb"), target.output("AdmissionsTable"), "by_outcome", "outcome", "open", newest_first=False
    )
    return [msgspec.convert(item, Admission) for item in islice(found, limit)]


def show(target: Target, name: str) -> Admission:
    """The admission of a certificate id, of the beginning of one, or the newest of a device. Raises `NotFound`, `BadInput`."""
    if re.fullmatch(r"[0-9a-f]{64}", name):
        found = by_certificate(target, name)
        if found is None:
            raise NotFound(
                f"No admission of certificate {name}. Has it knocked yet? `gatehouse admissions list` shows the newest."
            )
        return found
    newest = list_newest(target, device=name, limit=1)
    return newest[0] if newest else _by_prefix(target, name)


def by_certificate(target: Target, certificate_id: str) -> Admission | None:
    """The admission of a certificate as it stands now (strong read); None if it never knocked."""
    answer = target.client("dynamodb").get_item(
        TableName=target.output("AdmissionsTable"),
        Key=tables.to_item({"certificate_id": certificate_id}),
        ConsistentRead=True,
    )
    return msgspec.convert(tables.to_plain(answer["Item"]), Admission) if "Item" in answer else None


def approval_of(target: Target, certificate_id: str) -> str | None:
    """The id of the newest request for approval of a certificate; None if people were never asked."""
    items = tables.query(
        target.client("dynamodb"),
        TableName=target.output("ApprovalsTable"),
        IndexName="by_certificate",
        KeyConditionExpression="certificate_id = :certificate",
        ExpressionAttributeValues=tables.to_item({":certificate": certificate_id}),
        ScanIndexForward=False,
        Limit=1,
    )
    newest = next(items, None)
    return str(newest["approval_id"]) if newest else None


def history_url(target: Target, admission: Admission) -> str | None:
    """The execution's page in the Step Functions console; None for the local cloud, which has none."""
    if target.local or not admission.execution_arn.startswith("arn:"):
        return None
    region = admission.execution_arn.split(":")[3]
    return f"https://{region}.console.aws.amazon.com/states/home?region={region}#/v2/executions/details/{admission.execution_arn}"


def _by_prefix(target: Target, name: str) -> Admission:
    if not re.fullmatch(r"[0-9a-f]{6,63}", name):
        raise NotFound(
            f"No admission of a device {name!r}; nor is it the beginning (6 digits or more) of a certificate id."
        )
    items = tables.scan(
        target.client("dynamodb"),
        TableName=target.output("AdmissionsTable"),
        FilterExpression="begins_with(certificate_id, :prefix)",
        ExpressionAttributeValues=tables.to_item({":prefix": name}),
    )
    found = [msgspec.convert(item, Admission) for item in islice(items, 2)]
    match found:
        case []:
            raise NotFound(f"No certificate id begins with {name}.")
        case [one]:
            return one
    raise BadInput(f"Several certificate ids begin with {name}; give more of it.")


def _query(target: Target, index: str, attribute: str, value: Any) -> Iterator[Admission]:
    dynamodb, table = target.client("dynamodb"), target.output("AdmissionsTable")
    items = tables.of_index(dynamodb, table, index, attribute, value, newest_first=True)
    return (msgspec.convert(item, Admission) for item in items)


def execution_status(target: Target, arn: str) -> str:
    """The execution's status, as Step Functions has it now; ``not there any more`` if it does not know it.

    The table may lag behind: Step Functions' events are best effort
    (https://docs.aws.amazon.com/eventbridge/latest/ref/event-delivery-level.html).
    """
    sfn = target.client("stepfunctions")
    try:
        status: str = sfn.describe_execution(executionArn=arn)["status"]
    except (sfn.exceptions.ExecutionDoesNotExist, sfn.exceptions.InvalidArn):
        return GONE
    return status
