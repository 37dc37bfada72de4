"""The public keys that verify evidence, as a JSON Web Key Set (RFC 7517): `jku` in every record has its address."""

import msgspec
from msgspec import Struct

from functions.shared.handlers import triggered
from functions.shared.settings import settings
from functions.shared.signing import public_key
from workflows.evidence import jws


class Settings(Struct, frozen=True, kw_only=True):
    signing_key_arn: str
    vote_signing_key_arn: str


class Response(Struct, frozen=True, kw_only=True, rename="camel"):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html, format 2.0."""

    status_code: int
    headers: dict[str, str]
    body: str


@triggered
def handler() -> Response:
    """Route ``GET /evidence/keys.json`` of the HTTP API, open to everybody. Raises `AwsUnavailable`, `AccessRefused`."""
    environment = settings(Settings)
    published = [
        _published(environment.signing_key_arn, jws.RECORD, jws.MANIFEST),
        _published(environment.vote_signing_key_arn, jws.VOTE),
    ]
    return Response(
        status_code=200,
        headers={"content-type": "application/jwk-set+json", "cache-control": "public, max-age=3600"},
        body=msgspec.json.encode({"keys": published}).decode(),
    )


def _published(key_arn: str, *signs: str) -> dict[str, object]:
    """`signs` is a member of our own (RFC 7517 section 4): the values of `typ` that the key may sign."""
    key = public_key(key_arn)
    return jws.jwk(key) | {"alg": "ES256", "kid": jws.thumbprint(key), "use": "sig", "signs": signs}
