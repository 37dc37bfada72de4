"""What `jku` in every record points at."""

import json

from joserfc import jws as joserfc_jws
from joserfc.jwk import KeySet

from functions.evidence.publish_keys.app import handler
from functions.shared.signing import KEYS_PATH, Signer
from tests import aws_environment
from workflows.evidence import jws


def test_another_library_verifies_with_the_published_set(environment: dict[str, str]) -> None:
    signer = Signer(environment["SIGNING_KEY_ARN"], environment["APPROVALS_URL"])
    sealed = json.loads(signer.seal(jws.RECORD, b"{}"))
    published = handler({}, aws_environment.context())
    keys = KeySet.import_key_set(json.loads(published["body"]))
    result = joserfc_jws.deserialize_json(sealed, keys, algorithms=["ES256"])
    assert result.payload == b"{}"
    assert result.headers()["jku"] == environment["APPROVALS_URL"] + KEYS_PATH


def test_nothing_of_the_private_keys_is_published_and_each_says_what_it_signs(environment: dict[str, str]) -> None:
    keys = json.loads(handler({}, aws_environment.context())["body"])["keys"]
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "y", "alg", "kid", "use", "signs"}
    assert [key["signs"] for key in keys] == [[jws.RECORD, jws.MANIFEST], [jws.VOTE]]
    assert len({key["kid"] for key in keys}) == 2
