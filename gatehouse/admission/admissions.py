"""Reads the admissions table: which certificates knocked, and the outcome of each."""

import heapq
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Literal, get_args

import msgspec

from gatehouse.errors import NotFound
from gatehouse.stack import tables
from gatehouse.stack.target import Target
from workflows.dynamodb_items import to_item, to_plain
from workflows.errors import BadInput
from workflows.evidence.acts import GONE
from workflows.hashes import beginning

Standing = Literal["open", "admitted", "refused", "held", "failed"]
PREFIX = re.compile(r"[0-9a-f]{6,63}")
"""The beginning of a certificate id, long enough to search for."""
STANDINGS: tuple[Standing, ...] = get_args(Standing)


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate's admission, as in the table. A device may have chosen the text of subject, reason and device."""

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
    common_name: str | None = None
    not_after: datetime | None = None
    """When the certificate expires."""
    reason: str | None = None
    fault: str | None = None
    evidence_key: str | None = None
    evidence_sha256: str | None = None
    awaited: Literal["return", "admission"] | None = None
    """What the row waits for, and since when: that an admitted device connects, or that a held one is admitted."""
    awaited_since: datetime | None = None
    returned_at: datetime | None = None
    """When the device first connected after it was admitted."""
    reopen_at: int | None = None
    """From when a knock starts a new admission, in milliseconds since the epoch. The last second of the year 9999 means never."""
    trial: bool = False
    """Whether it belongs to a trial (`gatehouse doctor --knock`). A trial's device is never admitted."""


def list_newest(
    target: Target, *, outcome: Standing | None = None, device: str | None = None, limit: int
) -> list[Admission]:
    """At most `limit` admissions, newest first: of one device, with one outcome, or all."""
    if device is not None:
        of_device = _query(target, "by_device", "device", device)
        return list(islice((one for one in of_device if outcome in (None, one.outcome)), limit))
    outcomes = [outcome] if outcome else STANDINGS
    sources = [_of_outcome(target, one, newest_first=True) for one in outcomes]
    newest = heapq.merge(*sources, key=lambda item: str(item["claimed_at"]), reverse=True)
    return [one for one in _rows(target, islice(newest, limit)) if outcome in (None, one.outcome)]


def expiring(target: Target, after: datetime, before: datetime) -> Iterator[Admission]:
    """Admitted certificates that expire between the two times; the first to expire comes first. The index has a key for each month."""
    month = after
    while f"{month:%Y-%m}" <= f"{before:%Y-%m}":
        items = tables.query(
            target.client("dynamodb"),
            TableName=target.output("AdmissionsTable"),
            IndexName="by_expiry",
            KeyConditionExpression="expires_in = :month AND not_after BETWEEN :after AND :before",
            FilterExpression="outcome = :admitted",
            ExpressionAttributeValues=to_item(
                {":month": f"{month:%Y-%m}", ":after": after, ":before": before, ":admitted": "admitted"}
            ),
        )
        yield from (msgspec.convert(item, Admission) for item in items)
        month = (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def oldest_open(target: Target, *, limit: int) -> list[Admission]:
    """At most `limit` open admissions, oldest first."""
    items = islice(_of_outcome(target, "open", newest_first=False), limit)
    return [one for one in _rows(target, items) if one.outcome == "open"]


def show(target: Target, name: str) -> Admission:
    """The admission of a certificate, by its id or the beginning of it; or the newest admission of a device or a common name.

    Raises `NotFound`, `BadInput`.
    """
    if re.fullmatch(r"[0-9a-f]{64}", name):
        found = by_certificate(target, name)
        if found is None:
            raise NotFound(
                f"No admission of certificate {name}. Has it knocked yet? `gatehouse admissions list` shows the newest."
            )
        return found
    newest = list_newest(target, device=name, limit=1) or by_common_name(target, name, limit=1)
    if newest:
        return newest[0]
    if not PREFIX.fullmatch(name):
        raise NotFound(
            f"No admission has the device or common name {name!r}. It is not the beginning (6 digits or more) of a certificate id either."
        )
    match by_prefix(target, name, limit=2):
        case []:
            raise NotFound(f"No certificate id begins with {name}.")
        case [one]:
            return one
    raise BadInput(f"Several certificate ids begin with {name}; give more of it.")


def by_prefix(target: Target, prefix: str, *, limit: int) -> list[Admission]:
    """At most `limit` admissions whose certificate id begins with `prefix` (see `PREFIX`), by id."""
    items = tables.query(
        target.client("dynamodb"),
        TableName=target.output("AdmissionsTable"),
        IndexName="by_prefix",
        KeyConditionExpression="id_prefix = :first AND begins_with(certificate_id, :prefix)",
        ExpressionAttributeValues=to_item({":first": beginning(prefix), ":prefix": prefix}),
    )
    return _rows(target, islice(items, limit))


def by_common_name(target: Target, name: str, *, limit: int) -> list[Admission]:
    """At most `limit` admissions whose certificate has this common name, newest first. They need no line in the inventory."""
    dynamodb, table = target.client("dynamodb"), target.output("AdmissionsTable")
    items = tables.of_index(dynamodb, table, "by_common_name", "common_name", name, newest_first=True)
    return _rows(target, islice(items, limit))


def by_certificate(target: Target, certificate_id: str) -> Admission | None:
    """The admission of a certificate now (strongly consistent read); None if the certificate never knocked."""
    answer = target.client("dynamodb").get_item(
        TableName=target.output("AdmissionsTable"),
        Key=to_item({"certificate_id": certificate_id}),
        ConsistentRead=True,
    )
    return msgspec.convert(to_plain(answer["Item"]), Admission) if "Item" in answer else None


def approval_of(target: Target, certificate_id: str) -> str | None:
    """The id of the newest request for approval of a certificate; None if people were never asked."""
    items = tables.query(
        target.client("dynamodb"),
        TableName=target.output("ApprovalsTable"),
        IndexName="by_certificate",
        KeyConditionExpression="certificate_id = :certificate",
        ExpressionAttributeValues=to_item({":certificate": certificate_id}),
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


def _of_outcome(target: Target, outcome: str, *, newest_first: bool) -> Iterator[dict[str, Any]]:
    """Keys of the rows with an outcome, by time of claim. The index has few other attributes, and may be behind the table."""
    dynamodb, table = target.client("dynamodb"), target.output("AdmissionsTable")
    return tables.of_index(dynamodb, table, "by_outcome", "outcome", outcome, newest_first=newest_first)


def _rows(target: Target, found_keys: Iterable[Mapping[str, Any]]) -> list[Admission]:
    """The admissions with these keys, in this order, as they are in the table now. Rows that were deleted since are left out."""
    dynamodb, table = target.client("dynamodb"), target.output("AdmissionsTable")
    keys = [{"certificate_id": one} for one in dict.fromkeys(key["certificate_id"] for key in found_keys)]
    items = (
        item for part in tables.batches(keys, tables.READ_BATCH) for item in tables.read_batch(dynamodb, table, part)
    )
    found = {item["certificate_id"]: msgspec.convert(item, Admission) for item in items}
    return [found[key["certificate_id"]] for key in keys if key["certificate_id"] in found]


def _query(target: Target, index: str, attribute: str, value: Any) -> Iterator[Admission]:
    dynamodb, table = target.client("dynamodb"), target.output("AdmissionsTable")
    items = tables.of_index(dynamodb, table, index, attribute, value, newest_first=True)
    return (msgspec.convert(item, Admission) for item in items)


def execution_status(target: Target, arn: str) -> str:
    """The execution's status in Step Functions now; ``not there any more`` if Step Functions does not know the execution.

    The table may be behind: AWS delivers the events of Step Functions on a best-effort basis
    (https://docs.aws.amazon.com/eventbridge/latest/ref/event-delivery-level.html).
    """
    sfn = target.client("stepfunctions")
    try:
        status: str = sfn.describe_execution(executionArn=arn)["status"]
    except (sfn.exceptions.ExecutionDoesNotExist, sfn.exceptions.InvalidArn):
        return GONE
    return status
