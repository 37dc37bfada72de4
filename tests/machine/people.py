"""People at the gate: they sign in, see a request and vote, through the same handler that API Gateway calls."""

import json
from typing import Any

from functions.approval.approvals_web.app import handler as web
from functions.approval.resume_execution.app import handler as resume
from functions.shared import clock
from tests import aws_environment
from tests.approvals import flattened, token
from workflows.approval.request import approval_id


def claims(name: str, *groups: str) -> dict[str, Any]:
    """The claims of a person's ID token."""
    now = int(clock.now().timestamp())
    return {
        "sub": f"sub-{name}",
        "iss": "https://issuer.example",
        "aud": "gatehouse-tests",
        "token_use": "id",
        "exp": now + 3600,
        "iat": now - 60,
        "auth_time": now - 60,
        "name": name.title(),
        "email": f"{name}@example.com",
        "cognito:groups": list(groups),
    }


def call(method: str, path: str, who: dict[str, Any] | None, body: object = None) -> tuple[int, Any]:
    """One request to the API; answers status and JSON."""
    event = {
        "version": "2.0",
        "routeKey": "ANY /api/{proxy+}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "authorization": f"Bearer {token(who or {})}"},
        "requestContext": {
            "http": {"method": method, "path": path},
            "stage": "$default",
            "authorizer": {"jwt": {"claims": flattened(who or {}), "scopes": None}},
        },
        "body": json.dumps(body) if body is not None else None,
        "isBase64Encoded": False,
    }
    answer = web(event, aws_environment.context())
    return answer["statusCode"], json.loads(answer["body"])


def vote(
    execution_arn: str, certificate_id: str, who: dict[str, Any], decision: str, reason: str = "as announced"
) -> tuple[int, Any]:
    """Look at the request and vote on what it shows."""
    path = f"/api/approvals/{approval_id(execution_arn, certificate_id)}"
    _, seen = call("GET", path, who)
    meaning = "approval" if decision == "approve" else "rejection"
    ballot = {
        "decision": decision,
        "reason": reason,
        "meaning": meaning,
        "basis_sha256": seen.get("basis_sha256", "0" * 64),
    }
    return call("POST", f"{path}/vote", who, ballot)


def resume_due() -> None:
    """Run `resume_execution` as its schedule does: it delivers every decision that is owed."""
    resume({"source": "aws.scheduler"}, aws_environment.context())
