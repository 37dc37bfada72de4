"""The delegations table: who gave the right to vote to whom, and until when. Nothing is removed from it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from functions.shared import clock, conditional
from functions.shared.aws import client, translated
from functions.shared.conditional import ConditionFailed
from functions.shared.timestamps import stamp
from workflows.approval.delegation import Delegation
from workflows.approval.identity import normal
from workflows.approval.signature import OnBehalfOf
from workflows.dynamodb_items import from_item, to_item, values

_KIND = "delegation"
"""The only hash key of the index that lists all delegations; there are few."""
_TIMES = ("created_at", "until", "ended_at")
MOST_HELD = 100
"""At most this many of one person's delegations are read. Nobody is the delegate of more people than that."""

Position = tuple[str, str]
"""Where reading a list stopped: delegation id and `until` of the last one read."""


class Delegations:
    """Reads by id are strong. What the indexes return is only shown; the vote's transaction checks it again."""

    def __init__(self, table: str) -> None:
        self.table = table

    def find(self, delegation_id: str) -> Delegation | None:
        with translated():
            item = client("dynamodb").get_item(TableName=self.table, Key=_key(delegation_id), ConsistentRead=True)
        return from_item(item["Item"], Delegation) if "Item" in item else None

    def keep(self, delegation: Delegation) -> bool:
        """Store a new delegation. Returns False and writes nothing if this id exists. Raises `AwsUnavailable`."""
        try:
            with translated():
                client("dynamodb").put_item(
                    TableName=self.table,
                    Item=to_item(_plain(delegation)),
                    ConditionExpression="attribute_not_exists(delegation_id)",
                )
        except client("dynamodb").exceptions.ConditionalCheckFailedException:
            return False
        return True

    def end(self, ended: Delegation) -> bool:
        """Store that the delegation has ended, as `ended` says. Returns False if somebody else has ended it first."""
        plain = _plain(ended)
        given = {"at": plain["ended_at"], "by": plain["ended_by"], "because": plain["ended_because"]}
        try:
            conditional.update(
                self.table,
                {"delegation_id": ended.delegation_id},
                "SET ended_at = :at, ended_by = :by, ended_because = :because",
                condition="attribute_exists(delegation_id) AND attribute_not_exists(ended_at)",
                given=given,
            )
        except ConditionFailed:
            return False
        return True

    def held_by(self, names: tuple[str, ...], at: datetime) -> tuple[Delegation, ...]:
        """Returns the delegations to a person with one of these names that are valid at `at`."""
        candidates = (one for name in dict.fromkeys(map(normal, names)) for one in self._of(name, at))
        return tuple(one for one in candidates if one.stands(at))

    def all(self, *, since: datetime | None = None, after: Position | None = None) -> Iterator[Delegation]:
        """Returns all delegations, or those whose `until` is after `since`; the latest end comes first."""
        if (
            after and since and after[1] <= stamp(since)
        ):  # past the last; DynamoDB refuses a start key outside of the range
            return
        left = {"delegation_id": after[0], "kind": _KIND, "until": after[1]} if after else None
        with translated():
            for page in (
                client("dynamodb")
                .get_paginator("query")
                .paginate(
                    TableName=self.table,
                    IndexName="by_end",
                    KeyConditionExpression="#kind = :kind AND #until > :since",
                    ExpressionAttributeNames={"#kind": "kind", "#until": "until"},
                    ExpressionAttributeValues=values(kind=_KIND, since=stamp(since) if since else "0"),
                    ScanIndexForward=False,
                    **({"ExclusiveStartKey": to_item(left)} if left else {}),
                )
            ):
                yield from (from_item(item, Delegation) for item in page["Items"])

    def _of(self, name: str, at: datetime) -> list[Delegation]:
        with translated():
            page = client("dynamodb").query(
                TableName=self.table,
                IndexName="by_delegate",
                KeyConditionExpression="#delegate = :name AND #until > :now",
                ExpressionAttributeNames={"#delegate": "delegate", "#until": "until"},
                ExpressionAttributeValues=values(name=name, now=stamp(at)),
                Limit=MOST_HELD,
            )
        return [from_item(item, Delegation) for item in page["Items"]]


def position(delegation: Delegation) -> Position:
    """Returns the position from which a list that ended with `delegation` continues."""
    return delegation.delegation_id, stamp(delegation.until)


def standing_check(table: str, on_behalf_of: OnBehalfOf) -> dict[str, Any]:
    """Returns a condition for a vote's transaction: the delegation that the vote names must be valid when the vote is written."""
    return {
        "ConditionCheck": {
            "TableName": table,
            "Key": _key(on_behalf_of.delegation_id),
            "ConditionExpression": "attribute_not_exists(ended_at) AND #until > :now AND #group = :group AND delegator = :delegator",
            "ExpressionAttributeNames": {"#until": "until", "#group": "group"},
            "ExpressionAttributeValues": values(
                now=stamp(clock.now()), group=on_behalf_of.group, delegator=on_behalf_of.subject
            ),
        }
    }


def _key(delegation_id: str) -> dict[str, Any]:
    return {"delegation_id": {"S": delegation_id}}


def _plain(delegation: Delegation) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(delegation)
    moments = {name: getattr(delegation, name) for name in _TIMES}
    return {**plain, "kind": _KIND} | {name: stamp(moment) if moment else None for name, moment in moments.items()}
