"""AWS in one process for tests: moto, with the tables and buckets that ``template.yaml`` declares, and what functions are told of them.

Plain functions, so that each level of test makes its own fixtures of them. Nothing leaves the process.
"""

import hashlib
import io
import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import datetime, tzinfo
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler

from functions.approval.approvals_web.sign_in import provider
from functions.shared import clock, crl_store, issuers, trials
from functions.shared import settings as function_settings
from tests import moto_patches, pki, rights
from tests.deployed import template

REGION = "eu-west-1"
ACCOUNT = "123456789012"
MACHINE = "Admission"
EXECUTIONS = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{MACHINE}"
MOTO: Any = {"iot": {"use_valid_cert": True}}
"""moto then takes the SHA-256 of the DER as certificate id, as AWS IoT does."""

NAMES = {
    "ADMISSIONS_TABLE": "Admissions",
    "TURNS_TABLE": "Turns",
    "INVENTORY_TABLE": "Inventory",
    "APPROVALS_TABLE": "Approvals",
    "FINDINGS_TABLE": "Findings",
    "DELEGATIONS_TABLE": "Delegations",
    "SESSIONS_TABLE": "Sessions",
    "CRL_BUCKET": "gatehouse-crls",
    "EVIDENCE_BUCKET": "gatehouse-evidence",
}


def credentials() -> dict[str, str]:
    """Environment variables that keep boto3 away from any real account."""
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "POWERTOOLS_SERVICE_NAME": "tests",
        "POWERTOOLS_METRICS_NAMESPACE": "Gatehouse",
    }


@cache
def client(service: str) -> Any:
    """A client of the test's own, beside those of the functions. To be called while `running`."""
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


@contextmanager
def running(monkeypatch: pytest.MonkeyPatch, config: Any = MOTO) -> Iterator[dict[str, str]]:
    """moto with everything made, the functions' environment set and their caches fresh. Yields the environment."""
    for name, value in credentials().items():
        monkeypatch.setenv(name, value)
    moto_patches.sign_digests(monkeypatch)
    moto_patches.save_rsa_keys(monkeypatch)
    moto_patches.look_up_attribute_values(monkeypatch)
    _one_table_call_at_a_time(monkeypatch)
    with mock_aws(config=config):
        environment = create()
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        reset_caches()
        monkeypatch.setattr(provider, "_send", _identity_provider)
        rights.enforce(monkeypatch, environment)
        try:
            yield environment
        finally:
            reset_caches()


def _one_table_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction in moto copies every table and puts the copies back when it fails: two threads lose each other's writes, or fall
    over them. DynamoDB does neither.
    """
    lock, call_action = threading.RLock(), DynamoHandler.call_action

    def locked(handler: DynamoHandler) -> Any:
        with lock:
            return call_action(handler)

    monkeypatch.setattr(DynamoHandler, "call_action", locked)


def _identity_provider(method: str, address: str, fields: dict[str, str] | None = None) -> tuple[int, bytes]:
    from tests import approvals

    return approvals.provider(method, address, fields)


def create() -> dict[str, str]:
    """Make tables, buckets, keys, topic and event bus; returns the functions' environment variables."""
    resources = template()["Resources"]
    for variable in (name for name in NAMES if name.endswith("_TABLE")):
        declared = resources[f"{NAMES[variable]}Table"]["Properties"]
        known = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        stream = declared.get("StreamSpecification")
        client("dynamodb").create_table(
            TableName=NAMES[variable],
            **{key: declared[key] for key in known if key in declared},
            **({"StreamSpecification": {"StreamEnabled": True, **stream}} if stream else {}),
        )
    s3 = client("s3")
    place: Any = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket=NAMES["CRL_BUCKET"], CreateBucketConfiguration=place)
    s3.create_bucket(Bucket=NAMES["EVIDENCE_BUCKET"], CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True)
    kms = client("kms")
    signing, voting = (
        kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"] for _ in range(2)
    )
    topic = client("sns").create_topic(Name="Notifications")["TopicArn"]
    return {
        **NAMES,
        "DATA_KEY_ARN": kms.create_key()["KeyMetadata"]["Arn"],
        "SIGNING_KEY_ARN": signing,
        "VOTE_SIGNING_KEY_ARN": voting,
        "NOTIFICATIONS_TOPIC_ARN": topic,
        "EVENT_BUS_NAME": "default",
        "STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{MACHINE}",
        "RECORD_FAILURE_ARN": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:record-failure:live",
        "SEAL_FAILURE_ARN": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:seal-failure:live",
        "SWEEP_MACHINE_ARN": client("stepfunctions").create_state_machine(
            name="Sweep",
            definition='{"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}',
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/sweep",
        )["stateMachineArn"],
        "APPROVALS_URL": "https://approvals.example",
        "OIDC_ISSUER": "https://issuer.example",
        "OIDC_CLIENT_ID": "gatehouse-tests",
        "CODE_VERSION": "0.0.0",
    }


def reset_caches() -> None:
    """Forget clients and settings, as a cold start does."""
    # Clients stay: they hold nothing of a test, all of them have the same made-up credentials, and each takes 60 ms to make.
    for cached in (
        function_settings.settings,
        function_settings.limits,
        function_settings.rules,
        function_settings.policy,
    ):
        cached.cache_clear()
    issuers.load.cache_clear()
    trials.note_of.cache_clear()
    crl_store.forget()
    provider.forget()


def set_clock(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """From now on, functions are told that it is `moment`, however they import the clock, and sleeping takes no time."""

    def now(tz: tzinfo | None = None) -> datetime:
        return moment.astimezone(tz)

    monkeypatch.setattr(clock, "datetime", SimpleNamespace(now=now, fromtimestamp=datetime.fromtimestamp))
    monkeypatch.setattr(clock, "sleep", lambda _: None)


def context() -> Any:
    """What Lambda hands to a handler beside the event."""
    return SimpleNamespace(
        function_name="function",
        function_version="1",
        memory_limit_in_mb=512,
        invoked_function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:function:live",
        aws_request_id=str(uuid.uuid4()),
        get_remaining_time_in_millis=lambda: 30_000,
    )


def call(handler: Any, event: Any) -> Any:
    """Invoke a handler as Lambda does: JSON in, JSON out."""
    return json.loads(json.dumps(handler(json.loads(json.dumps(event)), context())))


def execution(name: str = "run-1", started_at: datetime = pki.NOW) -> dict[str, str]:
    """The execution that acts, as the state machine passes it."""
    return {"arn": f"{EXECUTIONS}:{name}", "name": name, "started_at": started_at.isoformat()}


def certificate_id(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def register_ca(authority: pki.Authority) -> str:
    """Register the CA; returns its id."""
    iot = client("iot")
    answer = iot.register_ca_certificate(
        caCertificate=authority.pem, setAsActive=True, allowAutoRegistration=True, certificateMode="SNI_ONLY"
    )
    ca_id: str = answer["certificateId"]
    return ca_id


def publish_crl(data: bytes, ca_id: str, name: str = "") -> dict[str, Any]:
    """Hand a list in and have it judged, as S3's event does; returns what became of it."""
    from functions.revocation.publish_crl.app import handler

    key = f"incoming/{ca_id}/{name or hashlib.sha256(data).hexdigest()[:16]}.crl"
    client("s3").put_object(Bucket=NAMES["CRL_BUCKET"], Key=key, Body=data)
    answer: dict[str, Any] = call(handler, object_created(key))
    return answer


def judge_incoming() -> None:
    """Have everything judged that was handed in and is not yet: S3's events arrive."""
    from functions.revocation.publish_crl.app import handler

    s3, bucket = client("s3"), NAMES["CRL_BUCKET"]
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    for key in keys:
        results = {f"{status}/{key.removeprefix('incoming/')}.json" for status in ("accepted", "rejected")}
        if key.startswith("incoming/") and not results & set(keys):
            with redirect_stdout(io.StringIO()):  # a Lambda's metrics do not go to whoever waits
                call(handler, object_created(key))


def object_created(key: str) -> dict[str, Any]:
    """S3's event as EventBridge delivers it (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html)."""
    return {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {"version": "0", "bucket": {"name": NAMES["CRL_BUCKET"]}, "object": {"key": key, "size": 1}},
    }


def register_device(
    certificate: x509.Certificate, issuer: pki.Authority, status: Any = "PENDING_ACTIVATION"
) -> dict[str, Any]:
    """Register a device's certificate as just-in-time registration does; returns the event that AWS IoT publishes."""
    iot = client("iot")
    answer = iot.register_certificate(certificatePem=pki.pem(certificate), caCertificatePem=issuer.pem, status=status)
    return registration_event(answer["certificateId"], certificate_id(issuer.certificate))


def registration_event(device_id: str, ca_id: str) -> dict[str, Any]:
    return {
        "certificateId": device_id,
        "caCertificateId": ca_id,
        "timestamp": 1795867200000,
        "certificateStatus": "PENDING_ACTIVATION",
        "awsAccountId": ACCOUNT,
        "certificateRegistrationTimestamp": None,
    }


def listen() -> "Inbox":
    """Subscribe a queue to the topic and to every event of Gatehouse's own."""
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:inbox"
    client("sns").subscribe(TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:Notifications", Protocol="sqs", Endpoint=arn)
    events = client("events")
    events.put_rule(Name="inbox", EventPattern=json.dumps({"source": ["gatehouse"]}), State="ENABLED")
    events.put_targets(Rule="inbox", Targets=[{"Id": "inbox", "Arn": arn}])
    return Inbox(url)


class Inbox:
    """What arrived at the queue of `listen`, each read once."""

    def __init__(self, url: str) -> None:
        self._url = url

    def read(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Messages for people (SNS), and events for programs (EventBridge)."""
        sqs = client("sqs")
        bodies: list[dict[str, Any]] = []
        while found := sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [json.loads(message["Body"]) for message in found]
            for message in found:
                sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [body for body in bodies if "TopicArn" in body], [body for body in bodies if "detail-type" in body]
