"""Find the certificates that a new list or the end of a CA revokes. They are written to a file, which the Map processes one by one."""

import msgspec
from msgspec import Struct

from functions.revocation.find_revoked import admitted, certificates_of_ca, lists
from functions.shared import current_lists, objects
from functions.shared.handlers import step
from functions.shared.observability import count
from functions.shared.settings import settings
from workflows.revocation import sweep
from workflows.revocation.sweep import FindInput, FindResult, Question


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    crl_bucket: str


@step(FindInput)
def handler(request: FindInput) -> FindResult:
    """State *Find revoked*. Repeatable: it changes nothing but its own two files.

    Raises CrlStoreUnavailable and AwsUnavailable (retryable): a list that cannot be read never counts as an empty one. For a CA that was
    revoked, `newly_listed` counts its certificates in AWS IoT; without an operator's order in the bucket none is found.
    """
    environment = settings(Settings)
    if request.authority is not None:
        found = certificates_of_ca.find(
            request, request.authority, environment.crl_bucket, environment.admissions_table
        )
    else:
        found = _of_list(request, request.slot or "", environment.crl_bucket, environment.admissions_table)
    count("NewlyRevoked", found.revoked)
    return found


def _of_list(request: FindInput, slot: str, bucket: str, table: str) -> FindResult:
    issuer_key = request.issuer_key
    current = current_lists.load(bucket, issuer_key).slots.get(slot)
    if current is None or not current.sweep_is_owed:
        return FindResult(issuer_key=issuer_key, slot=slot, bucket=bucket)
    facts, changes = lists.changes(bucket, issuer_key, current)
    entries = {sweep.serial_of(entry.serial): entry for entry in changes.newly_revoked}
    released = {sweep.serial_of(serial) for serial in changes.released}
    rows = admitted.rows(table, issuer_key, entries.keys() | released)
    items = [
        sweep.item(entries[row.serial], row.certificate_id, current, facts)
        for row in rows
        if row.serial in entries and row.outcome in sweep.IN
    ]
    questions = [
        Question(certificate_id=row.certificate_id, serial=row.serial, device=row.device, reason=row.reason)
        for row in rows
        if row.serial in released and row.outcome == "refused"
    ]
    key = sweep.items_key(issuer_key, request.execution.name)
    questions_key = sweep.questions_key(issuer_key, current.record.sha256)
    objects.write(bucket, key, msgspec.json.encode(items), "application/json")
    if questions:
        objects.write(bucket, questions_key, msgspec.json.encode(questions), "application/json")
    return FindResult(
        issuer_key=issuer_key,
        slot=slot,
        list_sha256=current.record.sha256,
        list_number=current.record.number,
        bucket=bucket,
        key=key,
        questions_key=questions_key,
        newly_listed=len(entries),
        revoked=len(items),
        released=len(questions),
    )
