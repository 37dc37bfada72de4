"""Ask the people that the approval rule names."""

from msgspec import Struct

from functions.admission.request_approval.announcement import announce
from functions.shared import clock, task_tokens
from functions.shared.admissions import Admissions
from functions.shared.approvals import Approvals
from functions.shared.event_bus import EventBus
from functions.shared.handlers import step
from functions.shared.settings import settings
from workflows.admission.contracts import RequestApprovalInput
from workflows.approval.opening import prepare
from workflows.approval.request import Request, Status, ask_again, opened
from workflows.errors import AwsUnavailable


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    approvals_table: str
    data_key_arn: str
    event_bus_name: str
    approvals_url: str


class Requested(Struct, frozen=True, kw_only=True):
    approval_id: str
    status: Status


@step(RequestApprovalInput)
def handler(asked: RequestApprovalInput) -> Requested:
    """State *Request approval*. The machine ignores the result: the callback ends the state.

    There is one request for each execution and certificate, even if the state is entered again; the newest task token is the valid one.
    Raises AdmissionNotOwned, AwsUnavailable (retryable).
    """
    configured = settings(Settings)
    Admissions(configured.admissions_table).retain(asked.certificate.certificate_id, asked.execution)
    request, evidence = prepare(asked, at=clock.now())
    token = task_tokens.encrypt(asked.task_token, request.approval_id, configured.data_key_arn)
    approvals = Approvals(configured.approvals_table)
    standing = _store(approvals, request, evidence, token)
    if standing.status == "PENDING" and standing.announced_at is None:
        announce(approvals, EventBus(configured.event_bus_name), asked, standing, configured.approvals_url)
    return Requested(approval_id=standing.approval_id, status=standing.status)


def _store(approvals: Approvals, request: Request, evidence: str, token: bytes) -> Request:
    if approvals.open(request, opened(request), snapshot=evidence, token=token):
        return request
    if approvals.find(request.approval_id) is None:
        raise AwsUnavailable(f"Request {request.approval_id} is being opened by another call at this instant.")
    return approvals.change(
        request.approval_id,
        lambda standing: ask_again(standing, request, at=request.requested_at),
        snapshot=evidence,
        token=token,
    )
