"""The engine runs code as its owner, so nobody else may call it: other users of the machine, and other pages in the owner's browser.

Each attack is made the way it succeeded before the engine had a key of its own.
"""

import http.client
import json
import stat
from itertools import product
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.local_cloud.errors import HomeUnusable
from gatehouse.local_cloud.settings import LocalCloudSettings
from tests.local_cloud.conftest import settings_in
from tests.local_cloud.roles import make_role
from tests.local_cloud.signed import Answer, get_json, send, signature

pytestmark = pytest.mark.local_cloud

LIST_TABLES = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}


def client(engine: LocalCloud, service: str, key_id: str, secret: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=engine.settings.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


def list_tables(engine: LocalCloud, **more: str) -> Answer:
    """A request that is right but for what is added to it (names with _ for -)."""
    added = {name.replace("_", "-"): value for name, value in more.items()}
    return send(engine, "POST", "/", {**signature(engine, "POST", "/", b"{}"), **LIST_TABLES, **added}, b"{}")


def is_refused(answer: Answer) -> bool:
    """403 or 421; 400 where the service says so of a missing or wrong signature. No page may read it."""
    unsigned = answer.status == 400 and (b"AuthenticationToken" in answer.body or b"InvalidSignature" in answer.body)
    return (answer.status in (403, 421) or unsigned) and not cors(answer)


def cors(answer: Answer) -> list[str]:
    return [name for name in answer.headers if name.startswith("access-control")]


@pytest.fixture(scope="module")
def of_a_role(engine: LocalCloud) -> Credentials:
    """What a Lambda has."""
    role = make_role(engine, "a-function", {"Action": "*", "Resource": "*"})
    session = engine.client("sts").assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
    return Credentials(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])


def test_a_request_that_is_right_is_answered(engine: LocalCloud) -> None:
    assert json.loads(list_tables(engine).body)["TableNames"] is not None


@pytest.mark.parametrize(
    ("key_id", "secret"), [("test", "test"), ("000000000000", "test"), ("AKIA0000000000000000", "x")]
)
def test_published_keys_and_account_ids_may_not_create_a_function(engine: LocalCloud, key_id: str, secret: str) -> None:
    with pytest.raises(ClientError) as refused:
        client(engine, "lambda", key_id, secret).create_function(
            FunctionName="intruder",
            Runtime="python3.13",
            Role="arn:aws:iam::000000000000:role/any",
            Handler="app.handler",
            Code={"ZipFile": b"anything"},
        )
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    names = [one["FunctionName"] for one in engine.client("lambda").list_functions()["Functions"]]
    assert "intruder" not in names


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("lambda", "list_functions"),
        ("dynamodb", "list_tables"),
        ("s3", "list_buckets"),
        ("sts", "get_caller_identity"),
        ("iam", "list_users"),
        ("stepfunctions", "list_state_machines"),
    ],
)
def test_the_administrators_key_id_without_its_secret_is_refused(
    engine: LocalCloud, service: str, operation: str
) -> None:
    wrong = client(engine, service, engine.status().access_key_id, "guessed")
    with pytest.raises(ClientError, match=r"InvalidSignature|SignatureDoesNotMatch"):
        getattr(wrong, operation)()


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/", LIST_TABLES),
        ("POST", "/?Action=ListUsers&Version=2010-05-08", {}),
        ("GET", "/2015-03-31/functions/", {}),
        ("GET", "/2015-03-31/functions/", {"Authorization": "AWS4-HMAC-SHA256 Credential=/2026/us-east-1/lambda/x"}),
        ("GET", "/2015-03-31/functions/", {"Authorization": "Bearer anything"}),
        ("PUT", "/a-bucket-of-nobody", {}),
        ("GET", "/gatehouse-local-artifacts/template.json", {}),
        ("GET", "/latest/meta-data/iam/security-credentials/", {}),
    ],
)
def test_a_request_without_a_key_is_refused(
    engine: LocalCloud, method: str, path: str, headers: dict[str, str]
) -> None:
    assert is_refused(send(engine, method, path, headers))


OPEN_PATHS = [
    *("/oauth2/authorize", "/oauth2/idpresponse", "/oauth2/login", "/login", "/oauth2/token", "/oauth2/userInfo"),
    *("/logout", "/_ministack/ready", "/_ministack/iot/ca.pem", "/us-east-1_none/.well-known/jwks.json"),
    *("/a-bucket/.well-known/openid-configuration", "/_aws/execute-api/", "/_aws/execute-api/abcdef01"),
    "/_aws/execute-api/abcdef01/$default/approvals",
]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LIST_USERS = "Action=ListUsers&Version=2010-05-08"
SIGNED_BY_NOBODY = "AWS4-HMAC-SHA256 Credential=/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


def of_scope(service: str) -> dict[str, str]:
    """No signature, but the engine reads the service from it."""
    return {"Authorization": f"Bearer Credential=x/x/x/{service}/x"}


@pytest.mark.parametrize(
    ("headers", "query", "body"),
    [
        (LIST_TABLES, "", "{}"),
        ({**LIST_TABLES, **of_scope("dynamodb")}, "", "{}"),
        ({**LIST_TABLES, "Authorization": "Bearer anything"}, "", "{}"),
        ({"X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth"}, "", "{}"),
        ({}, f"?{LIST_USERS}", ""),
        (of_scope("iam"), f"?{LIST_USERS}", ""),
        ({**FORM, **of_scope("iam")}, "", LIST_USERS),
        (of_scope("s3"), "", ""),
        (of_scope("lambda"), "", "{}"),
        ({"Authorization": SIGNED_BY_NOBODY}, "", ""),
        ({}, "?X-Amz-Credential=/20260101/us-east-1/s3/aws4_request&X-Amz-Algorithm=AWS4-HMAC-SHA256", ""),
    ],
    ids=[
        *(
            "target",
            "target-scope",
            "target-bearer",
            "target-cognito",
            "query",
            "query-scope",
            "body-scope",
            "scope-s3",
        ),
        *("scope-lambda", "empty-key", "presigned"),
    ],
)
def test_an_open_path_opens_no_other_service(
    engine: LocalCloud, headers: dict[str, str], query: str, body: str
) -> None:
    """With a scope in `Authorization`, this listed the tables and the users, and created buckets."""
    taken = []
    for method, path in product(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"), OPEN_PATHS):
        answer = send(engine, method, path + query, headers, body.encode())
        refused = answer.status in (400, 403) if method == "HEAD" else is_refused(answer) or is_unsigned(answer)
        if not refused:
            taken.append((method, path, answer.status, answer.body[:200]))
    assert taken == []


def is_unsigned(answer: Answer) -> bool:
    """What the query services and S3 say with 400 of an Authorization that is none."""
    return answer.status == 400 and (b"IncompleteSignature" in answer.body or b"AuthorizationHeader" in answer.body)


@pytest.mark.parametrize("headers", [FORM, {**FORM, "Authorization": "Bearer anything"}], ids=["none", "bearer"])
def test_an_action_in_the_body_opens_no_other_service(engine: LocalCloud, headers: dict[str, str]) -> None:
    answers = {path: send(engine, "POST", path, headers, LIST_USERS.encode()) for path in OPEN_PATHS[:7]}
    assert [path for path, answer in answers.items() if not is_refused(answer)] == []


def test_only_the_methods_of_a_sign_in_page_are_open(engine: LocalCloud) -> None:
    for method, path in product(("PUT", "PATCH", "DELETE", "OPTIONS"), OPEN_PATHS[:7]):
        assert is_refused(send(engine, method, path)), (method, path)
    assert not {"login", "logout"} & {one["Name"] for one in engine.client("s3").list_buckets()["Buckets"]}


def test_a_second_target_opens_no_other_service(engine: LocalCloud) -> None:
    """The engine joins fields of one name, and reads the first target of them."""
    connection = http.client.HTTPConnection("127.0.0.1", engine.settings.port, timeout=10)
    connection.putrequest("POST", "/")
    for target in (LIST_TABLES["X-Amz-Target"], "AWSCognitoIdentityProviderService.InitiateAuth"):
        connection.putheader("X-Amz-Target", target)
    connection.putheader("Content-Length", "2")
    connection.endheaders(b"{}")
    try:
        assert is_refused(Answer(connection.getresponse()))
    finally:
        connection.close()


def test_a_body_that_was_changed_after_it_was_signed_is_refused(engine: LocalCloud) -> None:
    signed = signature(engine, "POST", "/", b"{}")
    assert is_refused(send(engine, "POST", "/", {**signed, **LIST_TABLES}, b'{"Limit": 1}'))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/_ministack/reset"),
        ("POST", "/_ministack/reset?init=1"),
        ("POST", "/_ministack/config"),
        ("GET", "/_ministack/ses/messages"),
        ("GET", "/_ministack/sqs/messages"),
        ("GET", "/_ministack/sns/sms-messages"),
        ("GET", "/_ministack/health"),
        ("GET", "/_localstack/health"),
        ("GET", "/health"),
        ("GET", "/_ministack/lambda-code/gatehouse"),
        ("PUT", "/_ministack/cfn-response/any"),
        ("PUT", "/_ministack/cfn-signal/any"),
        ("POST", "/_ministack/rds/iam-auth"),
        ("POST", "/_ministack/eks-auth/any"),
        ("GET", "/_ministack/ready/../ses/messages"),
        ("POST", "/_ministack/ready"),
    ],
)
def test_the_engines_own_addresses_want_the_administrators_key(
    engine: LocalCloud, of_a_role: Credentials, method: str, path: str
) -> None:
    engine.client("s3").create_bucket(Bucket="still-there")
    assert is_refused(send(engine, method, path))
    assert is_refused(send(engine, method, path, signature(engine, method, path, key=of_a_role)))
    engine.client("s3").head_bucket(Bucket="still-there")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Origin", "https://attacker.example"),
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1:1"),
        ("Sec_Fetch_Site", "cross-site"),
        ("Sec_Fetch_Site", "same-site"),
    ],
)
def test_another_page_is_refused_even_with_a_signature(engine: LocalCloud, header: str, value: str) -> None:
    assert is_refused(list_tables(engine, **{header: value}))


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:4566", "127.0.0.1", "localhost:1", ""])
def test_another_name_for_this_address_is_refused(engine: LocalCloud, host: str) -> None:
    assert is_refused(send(engine, "GET", "/_ministack/ready", {"Host": host}))
    assert is_refused(send(engine, "GET", "/_aws/execute-api/any/$default/evidence/keys.json", {"Host": host}))


@pytest.mark.parametrize("path", ["/", "/_ministack/reset", "/oauth2/token", "/2015-03-31/functions/"])
def test_no_page_is_told_that_it_may_read_the_answers(engine: LocalCloud, path: str) -> None:
    asked = {"Origin": "https://attacker.example", "Access-Control-Request-Method": "POST"}
    assert is_refused(send(engine, "OPTIONS", path, asked))
    own = {"Origin": engine.settings.endpoint, "Access-Control-Request-Method": "POST"}
    for answer in (send(engine, "OPTIONS", path, own), list_tables(engine, Origin=engine.settings.endpoint)):
        assert not cors(answer)


def test_a_web_socket_is_refused(engine: LocalCloud) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert send(engine, "GET", "/mqtt", upgrade).status == 403


def test_what_is_open_tells_nobody_anything(engine: LocalCloud) -> None:
    for path in ("/_ministack/ready", "/_ministack/iot/ca.pem"):
        assert send(engine, "GET", path).status == 200
    pool = engine.client("cognito-idp").create_user_pool(PoolName="attacked")["UserPool"]["Id"]
    assert b"keys" in send(engine, "GET", f"/{pool}/.well-known/jwks.json").body
    target = "AWSCognitoIdentityProviderService."
    asked = send(engine, "POST", "/", {"X-Amz-Target": f"{target}InitiateAuth"}, b"{}")
    assert asked.status == 400
    assert b"Value null at 'ClientId'" in asked.body  # as on AWS, where a client and a password are what it takes
    assert is_refused(send(engine, "POST", "/", {"X-Amz-Target": f"{target}ListUserPools"}, b"{}"))


def test_the_administrator_may_use_the_engines_own_addresses(engine: LocalCloud) -> None:
    assert get_json(engine, "/_ministack/health")["auth"] == "enabled"


def test_the_key_is_new_at_each_start_and_its_owners_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    cloud = LocalCloud(
        LocalCloudSettings(home=home, port=settings_in(home).port, mqtt_port=settings_in(home).mqtt_port)
    )
    keys = set()
    for _ in range(2):
        try:
            cloud.start_engine()
            status = cloud.status()
            keys |= {status.access_key_id, status.secret_access_key}
            assert stat.S_IMODE(home.stat().st_mode) == 0o700
            for file in (cloud.settings.status_file, cloud.settings.log, cloud.settings.lock, cloud.settings.scratch):
                assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
            assert status.secret_access_key not in cloud.settings.log.read_text()
            arguments = Path(f"/proc/{status.pid}/cmdline").read_text()
            assert status.secret_access_key not in arguments
        finally:
            cloud.down()
    assert len(keys) == 4


def test_a_home_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "shared"
    home.mkdir()
    home.chmod(0o777)
    with pytest.raises(HomeUnusable, match="chmod go-w"):
        LocalCloud(settings_in(home)).start_engine()
