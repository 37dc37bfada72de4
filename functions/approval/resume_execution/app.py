"""Resumes the executions that wait for a decision. No other function may do that."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from msgspec import Struct

from functions.approval.resume_execution.resumption import Resumption
from functions.shared.approval_index import requests
from functions.shared.approvals import Approvals
from functions.shared.observability import logger, observed
from functions.shared.settings import settings
from workflows.errors import AwsUnavailable, GatehouseError


class Settings(Struct, frozen=True, kw_only=True):
    approvals_table: str
    data_key_arn: str


@observed
def handler(event: Any, context: Any) -> Any:
    """Handles the stream of the approvals table, and returns the records that failed. On a schedule, it sweeps all decisions still owed."""
    configured = settings(Settings)
    resumption = Resumption(Approvals(configured.approvals_table), data_key_arn=configured.data_key_arn)
    if "Records" not in event:
        return _sweep(resumption, configured.approvals_table)
    # A new one for each call, because it keeps failures. A batch that fails as a whole is reported like one that fails in part.
    processor = BatchProcessor(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)

    def one(record: DynamoDBRecord) -> None:
        keys = record.dynamodb.keys if record.dynamodb else {}
        resumption.resume(keys["approval_id"])

    return process_partial_response(event=event, record_handler=one, processor=processor, context=context)


def _sweep(resumption: Resumption, table: str) -> dict[str, int]:
    """Delivers what the stream lost or stopped retrying. A decision that fails does not stop the others."""
    swept, failed = 0, 0
    for request in requests(table, "by_owed", "OWED"):
        swept += 1
        try:
            resumption.resume(request.approval_id)
        except GatehouseError:
            failed += 1
            logger.exception("could not resume", extra={"approval_id": request.approval_id})
    if failed:
        raise AwsUnavailable(f"{failed} of {swept} decisions could not be delivered; they are still owed.")
    return {"swept": swept}
