"""Seal an operator's act on an admission, and carry it out. An act that cannot be sealed is not carried out."""

from msgspec import Struct

from functions.evidence.seal_act import admission
from functions.shared import callers, chains
from functions.shared.admissions import operators
from functions.shared.clock import now
from functions.shared.handlers import Context, step
from functions.shared.inventory import Inventory
from functions.shared.sealing import keep
from functions.shared.settings import settings
from functions.shared.signing import Signer
from functions.shared.vault import Vault
from workflows.evidence import acts
from workflows.evidence.record import key_of, operated


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    inventory_table: str
    evidence_bucket: str
    signing_key_arn: str
    approvals_url: str
    code_version: str


@step(acts.Request)
def handler(request: acts.Request, context: Context) -> acts.Answer:
    """Invoked by `gatehouse admissions reopen|forget|redrive` and `gatehouse findings repair`.

    Raises `CallerNotProven` and `BadInput` before anything is read; `AwsUnavailable`, `AccessRefused` and `EvidenceConflict`
    while KMS, S3 or DynamoDB does not accept the record: then nothing was done. A repeat with the same id does nothing twice.
    """
    environment, at = settings(Settings), now()
    ask, table, inventory = request.ask, environment.admissions_table, Inventory(environment.inventory_table)
    if ask.bucket != environment.evidence_bucket:
        raise callers.CallerNotProven(
            f"Signed for the stack with the bucket {ask.bucket}; this stack has {environment.evidence_bucket}."
        )
    by = callers.prove(request.proof, acts.digest(ask), at=at, account=context.invoked_function_arn.split(":")[4])
    head = chains.head(table, ask.certificate_id)
    key = key_of(ask.certificate_id, f"{ask.act}-{ask.id}")
    if head is None or head.evidence_key != key:
        state = admission.state_of(ask, head, inventory)
        if (why := acts.forbidden(ask, state.standing)) or head is None:
            return acts.Answer(status="refused", reason=why or "")
        change = admission.change(ask, head, state, by.signed_at)
        made = operated(ask, by, head, change, at=at, code_version=environment.code_version)
        _, link = keep(
            made, Vault(environment.evidence_bucket), Signer(environment.signing_key_arn, environment.approvals_url)
        )
        also = [inventory.unbinding(ask.device, ask.certificate_id)] if ask.device is not None else []
        if not operators.write(table, ask, head, change, link, *also):
            message = f"The admission of {ask.certificate_id} has changed meanwhile; nothing was done. Check it again."
            return acts.Answer(status="refused", reason=message)
    if ask.act == "redrive":
        admission.redrive(ask)
    return acts.Answer(status="done", evidence_key=key)
