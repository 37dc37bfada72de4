"""The table of findings: current findings, since when, and the position of each walk. If it is lost, the next rounds fill it again."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from functions.shared.aws import client, translated
from functions.shared.settings import artifact
from functions.shared.timestamps import stamp
from workflows.dynamodb_items import from_item, to_item, values
from workflows.reconciliation.findings import Finding, Kind
from workflows.reconciliation.rounds import Cursor, Round

_CURSOR = "cursor"
"""The `kind` of the items with the position of a round; `subject` is the round."""


class Findings:
    """`kind` and `subject` identify a finding. A finding that an operator has accepted stays accepted while it is found."""

    def __init__(self, table: str) -> None:
        self.table = table

    def keep(self, findings: Iterable[Finding], at: datetime) -> None:
        """Store that these findings were seen at `at`; for a new one, `since` is `at`. Raises `AwsUnavailable`, `AccessRefused`."""
        for finding in findings:
            with translated():
                client("dynamodb").update_item(
                    TableName=self.table,
                    Key=to_item({"kind": finding.kind, "subject": finding.subject}),
                    UpdateExpression="SET detail = :detail, seen_at = :at, since = if_not_exists(since, :at)"
                    + (", device = :device" if finding.device else ""),
                    ExpressionAttributeValues=values(
                        detail=finding.detail, at=stamp(at), **({"device": finding.device} if finding.device else {})
                    ),
                )

    def drop(self, kind: Kind, subjects: Iterable[str]) -> None:
        """Delete these findings; they are over. Raises `AwsUnavailable`, `AccessRefused`."""
        for subject in subjects:
            with translated():
                client("dynamodb").delete_item(TableName=self.table, Key=to_item({"kind": kind, "subject": subject}))

    def drop_older(self, kinds: Sequence[Kind], moment: datetime, covers: Callable[[Kind, str], bool]) -> None:
        """Called at the end of a walk that began at `moment`. Deletes each finding of its kinds that it `covers` and did not see again."""
        for kind in kinds:
            pages = (
                client("dynamodb")
                .get_paginator("query")
                .paginate(
                    TableName=self.table,
                    KeyConditionExpression="kind = :kind",
                    FilterExpression="seen_at < :moment",
                    ProjectionExpression="kind, subject",
                    ExpressionAttributeValues=values(kind=kind, moment=stamp(moment)),
                )
            )
            with translated():
                for page in pages:
                    self.drop(kind, [one["subject"]["S"] for one in page["Items"] if covers(kind, one["subject"]["S"])])

    def number(self, kind: Kind) -> int:
        """Returns the number of findings that nobody has accepted. If they exceed one page of 1 MB, counts that page only."""
        with translated():
            answer = client("dynamodb").query(
                TableName=self.table,
                KeyConditionExpression="kind = :kind",
                FilterExpression="attribute_not_exists(accepted_at)",
                ExpressionAttributeValues=values(kind=kind),
                Select="COUNT",
            )
        number: int = answer["Count"]
        return number

    def cursor(self, name: Round) -> Cursor | None:
        """Returns the round's position; None before the first run."""
        with translated():
            answer = client("dynamodb").get_item(
                TableName=self.table, Key=to_item({"kind": _CURSOR, "subject": name}), ConsistentRead=True
            )
        return from_item(answer["Item"], Cursor) if "Item" in answer else None

    def set_cursor(self, cursor: Cursor) -> None:
        """Store the round's position and the running artifact, which `gatehouse doctor` reads."""
        item = {"kind": _CURSOR, "subject": cursor.round, "artifact": artifact(), **msgspec.to_builtins(cursor)}
        with translated():
            client("dynamodb").put_item(TableName=self.table, Item=to_item(item))
