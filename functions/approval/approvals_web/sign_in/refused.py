"""Records a refused sign-in on the audit trail: when, from where and why (IEC 62443-4-2 CR 2.8). The person is not known.

The trail is locked for years, and everybody can call the callback. So a refusal without a sign-in that began here is only counted. Of
the others, at most one a minute is kept. The API's access log has a line for each call.
"""

from contextlib import suppress

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from functions.approval.approvals_web import resources
from functions.approval.approvals_web.audit_limit import first_of_its_minute
from functions.approval.approvals_web.identity import NotSignedIn
from functions.approval.approvals_web.resources import Settings
from functions.shared.observability import count
from functions.shared.settings import settings
from workflows.errors import AwsUnavailable
from workflows.evidence.errors import TrailUnavailable


def record_refused_sign_in(event: APIGatewayProxyEventV2, error: NotSignedIn) -> None:
    if error.code == "no_session":  # nobody tried to sign in
        return
    count("SignInRefused")
    if error.code in {"no_token", "not_begun"}:
        return
    with suppress(TrailUnavailable, AwsUnavailable):  # an alarm was raised; the sign-in is refused in any case
        if first_of_its_minute(settings(Settings).sessions_table, "refused-sign-in"):
            resources.audit_trail().record(
                "sign_in",
                "refuse",
                subject=f"{event.http_method} {event.path}"[:128],
                actor=event.request_context.http.source_ip,
                result="refused",
                reason=f"{error.code}: {error} (At most one a minute is kept.)",
            )
