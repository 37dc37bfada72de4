"""Start an admission for each certificate that has knocked and has none."""

import msgspec
from msgspec import Struct

from functions.admission.start_admissions import messages
from functions.admission.start_admissions.messages import Batch
from functions.admission.start_admissions.starts import start
from functions.shared import batch_reads, clock, queue_messages
from functions.shared.handlers import on_event
from functions.shared.observability import logger
from functions.shared.settings import settings
from workflows.admission import starting
from workflows.admission.starting import Known


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    state_machine_arn: str


@on_event(messages.read)
def handler(batch: Batch) -> queue_messages.Response:
    """A batch of the registration queue. Amazon SQS deletes each message that the result does not name.

    A message that keeps failing ends in the dead-letter queue. Raises AwsUnavailable, AccessRefused if the table cannot be read: then
    Amazon SQS delivers the whole batch again.
    """
    environment, at, knocks = settings(Settings), clock.now(), batch.knocks
    failed = list(batch.malformed)
    rows = batch_reads.admissions(environment.admissions_table, knocks, *Known.__struct_fields__)
    known = {row["certificate_id"]: msgspec.convert(row, Known) for row in rows}
    due = [one for certificate_id, one in knocks.items() if starting.is_due(known.get(certificate_id), at)]
    for knock in due:
        name = starting.name(knock.certificate_id, known.get(knock.certificate_id), at)
        if not start(environment.state_machine_arn, name, knock.event):
            failed.append(knock.message_id)
    logger.info("started", extra={"messages": batch.size, "due": len(due), "failed": len(failed)})
    return queue_messages.response(failed)
