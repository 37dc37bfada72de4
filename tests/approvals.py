"""Requests for approval, people and ballots for tests: one builder a thing, with defaults, so that a case states only what is unusual."""

import json
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from msgspec.structs import replace

from tests import aws_environment, pki, records
from workflows.admission.contracts import (
    DeviceDecision,
    DeviceRecord,
    Execution,
    RequestApprovalInput,
    Requirement,
    Ruling,
)
from workflows.approval.delegation import Delegation, delegation_id
from workflows.approval.opening import prepare
from workflows.approval.request import Request
from workflows.approval.signature import SignedVote
from workflows.approval.votes import Accepted, Ballot, Voter, cast
from workflows.canonical import sha256

NOW = pki.NOW
MINUTE = timedelta(minutes=1)
HOUR = pki.HOUR
TOKEN = "AQCEAAAAKgAAAAMAAAAAAAAAAbearer-secret-task-token/1"
"""What must never be seen again outside the backend."""


def ruling(**unusual: Any) -> Ruling:
    """Two people from two groups, within four hours."""
    usual: dict[str, Any] = {
        "action": "people",
        "rule_id": "high-impact-product",
        "rule_version": "7",
        "rules_sha256": sha256(b"rules"),
        "requirements": (Requirement(group="quality", count=1), Requirement(group="security", count=1)),
        "decide_within": 4 * 3600,
        "execute_within": 8 * 3600,
    }
    return Ruling(**{**usual, **unusual})


def asks(**groups: int) -> tuple[Requirement, ...]:
    return tuple(Requirement(group=group, count=count) for group, count in groups.items())


def execution(name: str = "run-1") -> Execution:
    return Execution(arn=f"{aws_environment.EXECUTIONS}:{name}", name=name, started_at=NOW - MINUTE)


def asked(
    device: str = "pump-0042", *, rule: Ruling | None = None, token: str = TOKEN, run: str = "run-1", **entry: Any
) -> RequestApprovalInput:
    """What the state *Request approval* is given. `entry` changes the inventory's record."""
    dossier = records.dossier(device)
    assert dossier.certificate is not None
    assert dossier.certificate.facts is not None
    assert dossier.revocation is not None
    assert dossier.device is not None
    record: dict[str, Any] = {
        "lookup_key": f"name#{device}",
        "device": device,
        "product": "infusion-pump",
        "site": "Plant B",
        "entered_by": "erin",
        "entered_at": NOW - pki.DAY,
        **entry,
    }
    decision: DeviceDecision = replace(
        dossier.device,
        action="people",
        matched_by="certificate",
        record=DeviceRecord(**record),
        ruling=rule or ruling(),
    )
    return RequestApprovalInput(
        task_token=token,
        execution=execution(run),
        certificate=dossier.certificate.facts,
        revocation=dossier.revocation,
        device=decision,
    )


def request(
    rule: Ruling | None = None, *, at: datetime = NOW, entered_by: str | None = "erin", **unusual: Any
) -> Request:
    """An open request."""
    made, _ = prepare(asked(rule=rule), at=at)
    return replace(made, entered_by=entered_by, **unusual)


def person(subject: str = "ada", *groups: str, **unusual: Any) -> Voter:
    """Somebody signed in a minute ago. Without groups given: of quality."""
    usual: dict[str, Any] = {
        "subject": subject,
        "name": subject.capitalize(),
        "groups": groups or ("quality",),
        "identified_as": (subject,),
        "signed_in_at": NOW - MINUTE,
    }
    return Voter(**{**usual, **unusual})


def delegation(giver: Voter, taker: Voter, group: str = "quality", **unusual: Any) -> Delegation:
    """`giver` has given `taker` their right to vote for `group`, an hour ago and until tomorrow."""
    usual: dict[str, Any] = {
        "delegation_id": delegation_id(giver.subject, taker.subject, group),
        "group": group,
        "delegator": giver.subject,
        "delegator_name": giver.name,
        "delegator_known_as": giver.known_as,
        "delegate": taker.subject,
        "reason": "On holiday",
        "created_at": NOW - HOUR,
        "until": NOW + 24 * HOUR,
    }
    return Delegation(**{**usual, **unusual})


def standing_in(taker: Voter, *delegations: Delegation) -> Voter:
    return replace(taker, delegations=delegations)


def ballot(decision: str = "approve", *, of: Request | None = None, **unusual: Any) -> Ballot:
    usual: dict[str, Any] = {
        "decision": decision,
        "reason": "Matches delivery note 7",
        "meaning": "approval" if decision == "approve" else "rejection",
        "basis_sha256": (of or request()).basis_sha256,
    }
    return Ballot(**{**usual, **unusual})


def unsigned(vote: SignedVote) -> SignedVote:
    """Stands where the key signs."""
    return replace(vote, signature="protected..signature")


def after(
    standing: Request, *voters: Voter, decision: str = "approve", at: datetime = NOW + MINUTE, **unusual: Any
) -> Request:
    """The request once these people have voted."""
    for voter in voters:
        result = cast(standing, voter, ballot(decision, of=standing, **unusual), at=at, sign=unsigned)
        assert isinstance(result, Accepted), result
        standing = result.step.after
    return standing


def claims(voter: Voter, *, at: datetime = NOW, **unusual: Any) -> dict[str, Any]:
    """The claims of the voter's ID token."""
    signed_in = voter.signed_in_at or at - MINUTE
    return {
        "sub": voter.subject,
        "iss": "https://issuer.example",
        "aud": "gatehouse-tests",
        "token_use": "id",
        "exp": int((at + HOUR).timestamp()),
        "iat": int((at - MINUTE).timestamp()),
        "auth_time": int(signed_in.timestamp()),
        "name": voter.name,
        "cognito:username": voter.subject,
        "cognito:groups": list(voter.groups),
        **unusual,
    }


KEY = ECKey.generate_key("P-256", {"kid": "of-the-api", "alg": "ES256", "use": "sig"})
"""The identity provider's."""


def token(claims: dict[str, Any], key: ECKey = KEY) -> str:
    """The ID token."""
    return jwt.encode({"alg": "ES256", "kid": str(key.kid)}, claims, key)


def flattened(claims: dict[str, Any]) -> dict[str, str]:
    """Claims as API Gateway's HTTP API hands them over: each as text, a list in brackets with blanks between."""

    def text(value: Any) -> str:
        return f"[{' '.join(map(str, value))}]" if isinstance(value, list) else json.dumps(value).strip('"')

    return {name: value if isinstance(value, str) else text(value) for name, value in claims.items()}


def provider(_: str, address: str, __: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Stands in the place of the network to the identity provider: its discovery document and its keys."""
    if address.endswith("/.well-known/openid-configuration"):
        endpoints = {f"{name}_endpoint": f"https://issuer.example/{name}" for name in ("authorization", "token")}
        found = {"issuer": "https://issuer.example", "jwks_uri": "https://issuer.example/keys", **endpoints}
        return 200, json.dumps(found).encode()
    return 200, json.dumps(KeySet([KEY]).as_dict(private=False)).encode()


def api_event(
    method: str, path: str, *, signed_in: dict[str, Any] | None = None, body: Any = None, **query: str
) -> dict[str, Any]:
    """An HTTP API event, payload format 2.0, with the token of these claims and what the authorizer makes of it."""
    context: dict[str, Any] = {
        "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "tests"},
        "requestId": "request-1",
        "stage": "$default",
        "accountId": aws_environment.ACCOUNT,
        "apiId": "api",
        "domainName": "approvals.example",
        "domainPrefix": "approvals",
        "routeKey": "ANY /api/{proxy+}",
        "time": "23/Nov/2026:12:00:00 +0000",
        "timeEpoch": int(NOW.timestamp() * 1000),
    }
    if signed_in is not None:
        context["authorizer"] = {"jwt": {"claims": flattened(signed_in), "scopes": None}}
    return {
        "version": "2.0",
        "routeKey": "ANY /api/{proxy+}",
        "rawPath": path,
        "rawQueryString": "&".join(f"{name}={value}" for name, value in query.items()),
        "queryStringParameters": query,
        "headers": {
            "content-type": "application/json",
            **({"authorization": f"Bearer {token(signed_in)}"} if signed_in is not None else {}),
        },
        "requestContext": context,
        "isBase64Encoded": False,
        **({} if body is None else {"body": body if isinstance(body, str) else json.dumps(body)}),
    }
