"""The counter that hands out turns (`workflows.admission.turns`): one item a lane, moved on by conditional updates."""

from botocore.exceptions import ClientError

from functions.shared.aws import client, translated
from functions.shared.items import to_plain, values
from workflows.admission import turns
from workflows.admission.errors import AwsUnavailable

ADMISSION = "admission"
_ROUNDS = 5
"""Two updates a round. A round is lost only if the lane went from idle to busy or back between the two."""


class Turns:
    """The table. Times are milliseconds since the epoch."""

    def __init__(self, table: str) -> None:
        self.table = table

    def take(self, lane: str, now: int, every: int) -> int:
        """When the next turn of `lane` comes, `every` milliseconds after the one before. Raises `AwsUnavailable`.

        The arithmetic is `turns.take`, told to DynamoDB in two forms, since an update expression knows no maximum: the lane is
        busy until later than `now`, or it is not.
        """
        idle = turns.take(None, now, every)
        for _ in range(_ROUNDS):
            moved = self._update(lane, "SET tat = tat + :every", "tat > :now", every=every, now=now)
            if moved is not None:
                return moved - every
            if self._update(
                lane, "SET tat = :tat", "attribute_not_exists(tat) OR tat <= :now", tat=idle.arrival, now=now
            ):
                return idle.at
        raise AwsUnavailable(f"Lane {lane} was taken {_ROUNDS} times over by others while this turn was asked for.")

    def _update(self, lane: str, update: str, condition: str, **named: int) -> int | None:
        """The lane's new value; None if the condition does not hold."""
        try:
            with translated():
                answer = client("dynamodb").update_item(
                    TableName=self.table,
                    Key={"lane": {"S": lane}},
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values(**named),
                    ReturnValues="UPDATED_NEW",
                )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return None
        return int(to_plain(answer["Attributes"])["tat"])
