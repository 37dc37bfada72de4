"""A sign-in that was refused goes on the audit trail: who tried is not known, but when, from where and why is (IEC 62443-4-2 CR 2.8)."""

from contextlib import suppress

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from functions.approval.approvals_web import resources
from functions.approval.approvals_web.identity import NotSignedIn
from functions.shared.observability import count
from workflows.evidence.errors import TrailUnavailable


def record_refused_sign_in(asked: APIGatewayProxyEventV2, error: NotSignedIn) -> None:
    count("SignInRefused")
    with suppress(TrailUnavailable):  # an alarm was raised; the refusal stands in any case
        resources.trail().record(
            "sign_in",
            "refuse",
            subject=f"{asked.http_method} {asked.path}",
            actor=asked.request_context.http.source_ip,
            result="refused",
            reason=f"{error.code}: {error}",
        )
