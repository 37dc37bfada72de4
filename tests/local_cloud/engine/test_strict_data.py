"""What DynamoDB, S3, KMS, SNS, SQS and EventBridge refuse, the local cloud refuses."""

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gatehouse.local_cloud.cloud import LocalCloud
from tests.local_cloud.engine.refusals import code_of, refused, unchecked
from tests.local_cloud.roles import as_role, make_role

pytestmark = pytest.mark.local_cloud

KEY = {"id": {"S": "a"}}
ONE = {":x": {"S": "1"}}


@pytest.fixture(scope="module")
def table(engine: LocalCloud) -> Any:
    dynamodb = engine.client("dynamodb")
    dynamodb.create_table(
        TableName="strict",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return dynamodb


@pytest.mark.parametrize(
    ("call", "expression"),
    [
        ("update_item", {"Key": KEY, "UpdateExpression": "SET status = :x"}),
        ("update_item", {"Key": KEY, "UpdateExpression": "SET a = :x", "ConditionExpression": "owner = :x"}),
        ("put_item", {"Item": KEY, "ConditionExpression": "attribute_not_exists(name) OR a = :x"}),
        ("scan", {"FilterExpression": "a = :x AND region = :x"}),
        ("query", {"KeyConditionExpression": "id = :x", "FilterExpression": "ttl = :x"}),
        ("query", {"KeyConditionExpression": "id = :x", "ProjectionExpression": "id, status"}),
    ],
)
def test_a_reserved_word_is_refused_wherever_it_stands(table: Any, call: str, expression: dict[str, Any]) -> None:
    code, message = refused(getattr(table, call), TableName="strict", ExpressionAttributeValues=ONE, **expression)
    assert code == "ValidationException"
    assert "reserved keyword" in message


def test_a_reserved_word_is_refused_in_a_transaction_too(table: Any) -> None:
    update = {
        "TableName": "strict",
        "Key": KEY,
        "UpdateExpression": "SET data = :x",
        "ExpressionAttributeValues": ONE,
    }
    assert code_of(table.transact_write_items, TransactItems=[{"Update": update}]) == "ValidationException"


def test_a_placeholder_and_the_words_of_an_expression_are_no_reserved_words(table: Any) -> None:
    item = {**KEY, "a": {"M": {"b": {"L": []}}}, "status": {"S": "s"}}
    table.put_item(TableName="strict", Item=item)
    table.update_item(
        TableName="strict",
        Key=KEY,
        UpdateExpression="SET #status = if_not_exists(#status, :x), a.b = list_append(a.b, :l) REMOVE c",
        ConditionExpression="NOT (size(#status) BETWEEN :n AND :n OR attribute_exists(d)) AND a_b <> :x",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={**ONE, ":n": {"N": "0"}, ":l": {"L": []}},
    )


@pytest.mark.parametrize(
    "given",
    [
        {"UpdateExpression": "SET a = :x", "ExpressionAttributeValues": {**ONE, ":y": {"S": "1"}}},
        {"UpdateExpression": "SET a = :x", "ExpressionAttributeValues": ONE, "ExpressionAttributeNames": {"#n": "a"}},
        {"UpdateExpression": "SET a = :z", "ExpressionAttributeValues": ONE},
        {"UpdateExpression": "SET #q = :x", "ExpressionAttributeValues": ONE},
        {"UpdateExpression": "SET a = :x, a = :x", "ExpressionAttributeValues": ONE},
        {"UpdateExpression": "SET a = :x REMOVE #a", "ExpressionAttributeValues": ONE, "ExpressionAttributeNames": {"#a": "a"}},
        {"UpdateExpression": "SET id = :x", "ExpressionAttributeValues": ONE},
        {"UpdateExpression": "SET a = :x", "ExpressionAttributeValues": {":x": {"S": "x" * 400 * 1024}}},
    ],
)  # fmt: skip
def test_an_update_that_is_not_one_is_refused(table: Any, given: dict[str, Any]) -> None:
    assert code_of(table.update_item, TableName="strict", Key=KEY, **given) == "ValidationException"


@pytest.mark.parametrize(
    "item", [{"id": {"S": ""}}, {"id": {"S": "x" * 2049}}, {"id": {"S": "a"}, "x": {"S": "x" * 400 * 1024}}]
)
def test_an_item_keeps_to_its_sizes(table: Any, item: dict[str, Any]) -> None:
    assert code_of(table.put_item, TableName="strict", Item=item) == "ValidationException"


def test_a_batch_and_a_transaction_have_a_hundred_and_no_item_twice(table: Any) -> None:
    def keys(number: int) -> dict[str, Any]:
        return {"strict": {"Keys": [{"id": {"S": str(index)}} for index in range(number)]}}

    def puts(*names: int) -> list[dict[str, Any]]:
        return [{"Put": {"TableName": "strict", "Item": {"id": {"S": str(name)}}}} for name in names]

    assert code_of(table.batch_get_item, RequestItems=keys(101)) == "ValidationException"
    table.batch_get_item(RequestItems=keys(100))
    assert code_of(table.transact_write_items, TransactItems=puts(*range(101))) == "ValidationException"
    assert code_of(table.transact_write_items, TransactItems=puts(1, 1)) == "ValidationException"
    table.transact_write_items(TransactItems=puts(*range(100)))


@pytest.fixture(scope="module")
def s3(engine: LocalCloud) -> Any:
    s3 = engine.client("s3")
    s3.create_bucket(Bucket="strict-locked", ObjectLockEnabledForBucket=True)
    s3.create_bucket(Bucket="strict-plain")
    return s3


def test_a_conditional_write_is_kept(s3: Any) -> None:
    there = {"Bucket": "strict-plain", "Key": "conditional"}
    etag = s3.put_object(Body=b"1", IfNoneMatch="*", **there)["ETag"]
    assert code_of(s3.put_object, Body=b"2", IfNoneMatch="*", **there) == "PreconditionFailed"
    s3.put_object(Body=b"2", IfMatch=etag, **there)
    assert code_of(s3.put_object, Body=b"3", IfMatch=etag, **there) == "PreconditionFailed"
    assert code_of(s3.put_object, Bucket="strict-plain", Key="not there", IfMatch=etag) == "NoSuchKey"
    assert code_of(s3.put_object, Body=b"3", IfNoneMatch=etag, **there) == "NotImplemented"
    assert s3.get_object(**there)["Body"].read() == b"2"


def test_a_locked_version_stays(s3: Any) -> None:
    until = datetime.now(UTC) + timedelta(days=2)
    there = {"Bucket": "strict-locked", "Key": "kept"}
    s3.put_object(Body=b"1", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until, **there)
    there["VersionId"] = s3.head_object(**there)["VersionId"]
    assert code_of(s3.delete_object, **there) == "AccessDenied"
    assert code_of(s3.delete_object, BypassGovernanceRetention=True, **there) == "AccessDenied"
    shorter = {"Mode": "COMPLIANCE", "RetainUntilDate": until - timedelta(days=1)}
    assert (
        code_of(s3.put_object_retention, Retention=shorter, BypassGovernanceRetention=True, **there) == "AccessDenied"
    )
    softer = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    assert code_of(s3.put_object_retention, Retention=softer, **there) == "AccessDenied"
    s3.put_object_retention(Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until + timedelta(days=1)}, **there)


def test_governance_is_bypassed_only_by_who_says_so_and_may(engine: LocalCloud, s3: Any) -> None:
    until = datetime.now(UTC) + timedelta(days=2)
    there = {"Bucket": "strict-locked", "Key": "governed"}
    s3.put_object(Body=b"1", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until, **there)
    there["VersionId"] = s3.head_object(**there)["VersionId"]
    assert code_of(s3.delete_object, **there) == "AccessDenied"
    deleter = make_role(engine, "deleter", {"Action": "s3:DeleteObjectVersion", "Resource": "*"})
    assert (
        code_of(as_role(engine, deleter, "s3").delete_object, BypassGovernanceRetention=True, **there) == "AccessDenied"
    )
    s3.delete_object(BypassGovernanceRetention=True, **there)


def test_a_lock_lies_in_the_future_and_in_a_locked_bucket(s3: Any) -> None:
    lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": datetime.now(UTC) - timedelta(seconds=1)}
    assert code_of(s3.put_object, Bucket="strict-locked", Key="past", Body=b"", **lock) == "InvalidArgument"
    lock["ObjectLockRetainUntilDate"] = datetime.now(UTC) + timedelta(days=1)
    assert code_of(s3.put_object, Bucket="strict-plain", Key="plain", Body=b"", **lock) == "InvalidRequest"
    suspended = {"Status": "Suspended"}
    assert (
        code_of(s3.put_bucket_versioning, Bucket="strict-locked", VersioningConfiguration=suspended)
        == "InvalidBucketState"
    )


def test_keys_metadata_and_copies_keep_to_their_limits(s3: Any) -> None:
    assert code_of(s3.put_object, Bucket="strict-plain", Key="k" * 1025) == "KeyTooLongError"
    s3.put_object(Bucket="strict-plain", Key="k" * 1024)
    assert code_of(s3.put_object, Bucket="strict-plain", Key="m", Metadata={"a": "x" * 2048}) == "MetadataTooLarge"
    s3.put_object(Bucket="strict-plain", Key="self")
    itself = {"Bucket": "strict-plain", "Key": "self", "CopySource": "strict-plain/self"}
    assert code_of(s3.copy_object, **itself) == "InvalidRequest"
    s3.copy_object(MetadataDirective="REPLACE", **itself)


def test_a_presigned_request_is_for_its_host_its_signer_and_a_quarter_of_an_hour(engine: LocalCloud) -> None:
    """An operator's proof is such a request: STS keeps to a quarter of an hour, whatever X-Amz-Expires says."""
    signer = make_role(engine, "signer", {"Action": "sts:GetCallerIdentity", "Resource": "*"})
    sts = as_role(engine, signer, "sts")
    url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=600, HttpMethod="GET")
    assert status_of(url) == 200
    assert status_of(url.replace("127.0.0.1", "localhost")) == 403
    assert status_of(url[:-1] + ("0" if url[-1] != "0" else "1")) == 403
    assert status_of(_signed_at(sts, datetime.now(UTC) - timedelta(seconds=1000))) in (400, 403)


def _signed_at(sts: Any, moment: datetime) -> str:
    """The same request as if it had been signed at a moment, for ten minutes."""
    from unittest import mock

    with mock.patch("botocore.auth.get_current_datetime", return_value=moment.replace(tzinfo=None)):
        url: str = sts.generate_presigned_url("get_caller_identity", ExpiresIn=600, HttpMethod="GET")
    return url


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - loopback
            status: int = answer.status
    except urllib.error.HTTPError as error:
        return error.code
    return status


@pytest.fixture(scope="module")
def kms(engine: LocalCloud) -> Any:
    return engine.client("kms")


@pytest.fixture(scope="module")
def data_key(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["KeyId"])


@pytest.fixture(scope="module")
def signing_key(kms: Any) -> str:
    return str(kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["KeyId"])


def test_a_message_is_signed_up_to_4096_bytes(engine: LocalCloud, kms: Any, signing_key: str) -> None:
    given = {"KeyId": signing_key, "SigningAlgorithm": "ECDSA_SHA_256"}
    kms.sign(Message=b"x" * 4096, **given)
    assert code_of(unchecked(engine, "kms").sign, Message=b"x" * 4097, **given) == "ValidationException"
    assert code_of(kms.sign, Message=b"x" * 31, MessageType="DIGEST", **given) == "ValidationException"


def test_a_key_does_what_it_is_for(kms: Any, data_key: str, signing_key: str) -> None:
    for algorithm in ("ECDSA_SHA_384", "RSASSA_PSS_SHA_256"):
        given = {"KeyId": signing_key, "Message": b"x", "SigningAlgorithm": algorithm}
        assert code_of(kms.sign, **given) == "InvalidKeyUsageException"
    given = {"KeyId": data_key, "Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
    assert code_of(kms.sign, **given) in ("InvalidKeyUsageException", "UnsupportedOperationException")
    assert code_of(kms.encrypt, KeyId=signing_key, Plaintext=b"x") in (
        "InvalidKeyUsageException",
        "UnsupportedOperationException",
    )
    assert code_of(kms.encrypt, KeyId=data_key, Plaintext=b"x" * 4097) == "ValidationException"


def test_a_ciphertext_opens_unchanged_with_its_context_and_its_key_only(kms: Any, data_key: str) -> None:
    context = {"certificate": "a"}
    sealed = kms.encrypt(KeyId=data_key, Plaintext=b"token", EncryptionContext=context)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context, KeyId=data_key)["Plaintext"] == b"token"
    assert code_of(kms.decrypt, CiphertextBlob=sealed) == "InvalidCiphertextException"
    assert (
        code_of(kms.decrypt, CiphertextBlob=sealed, EncryptionContext={"certificate": "b"})
        == "InvalidCiphertextException"
    )
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    assert (
        code_of(kms.decrypt, CiphertextBlob=sealed, EncryptionContext=context, KeyId=other) == "IncorrectKeyException"
    )
    for place in range(36, len(sealed), 7):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        assert (
            code_of(kms.decrypt, CiphertextBlob=changed, EncryptionContext=context) == "InvalidCiphertextException"
        ), place


def test_a_data_key_opens_too(kms: Any, data_key: str) -> None:
    made = kms.generate_data_key(KeyId=data_key, KeySpec="AES_256")
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]


@pytest.mark.parametrize("subject", ["x" * 100, "two\nlines", "Gerät", " blank first", "bell\a"])
def test_a_subject_is_one_short_ascii_line(engine: LocalCloud, subject: str) -> None:
    sns = engine.client("sns")
    topic = sns.create_topic(Name="strict")["TopicArn"]
    assert code_of(sns.publish, TopicArn=topic, Message="m", Subject=subject) == "InvalidParameter"
    sns.publish(TopicArn=topic, Message="m", Subject="?" + "x" * 98)


def test_a_notification_has_a_message_of_256_kib_at_most(engine: LocalCloud) -> None:
    sns = engine.client("sns")
    topic = sns.create_topic(Name="strict")["TopicArn"]
    assert code_of(sns.publish, TopicArn=topic, Message="") == "InvalidParameter"
    assert code_of(sns.publish, TopicArn=topic, Message="x" * (256 * 1024 + 1)) == "InvalidParameter"
    assert code_of(sns.create_topic, Name="a b") == "InvalidParameter"


def test_a_queue_takes_one_mib_and_waits_20_seconds(engine: LocalCloud) -> None:
    sqs = engine.client("sqs")
    queue = sqs.create_queue(QueueName="strict")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="x" * 1024 * 1024)
    assert code_of(sqs.send_message, QueueUrl=queue, MessageBody="x" * (1024 * 1024 + 1)) == "InvalidParameterValue"
    assert code_of(sqs.send_message, QueueUrl=queue, MessageBody="\x01") == "InvalidMessageContents"
    assert code_of(sqs.receive_message, QueueUrl=queue, WaitTimeSeconds=21) == "InvalidParameterValue"
    assert code_of(sqs.receive_message, QueueUrl=queue, MaxNumberOfMessages=11) == "InvalidParameterValue"
    assert code_of(sqs.create_queue, QueueName="a b") == "InvalidParameterValue"


def test_events_are_256_kb_in_a_request_and_ten(engine: LocalCloud) -> None:
    events = engine.client("events")
    large = {"Source": "s", "DetailType": "t", "Detail": json.dumps({"x": "x" * 130_000})}
    events.put_events(Entries=[large, large])
    assert code_of(events.put_events, Entries=[large, large, large]) == "ValidationException"
    assert code_of(events.put_events, Entries=[{**large, "Detail": "{}"}] * 11) == "ValidationException"


def test_a_bad_event_fails_alone(engine: LocalCloud) -> None:
    good = {"Source": "s", "DetailType": "t", "Detail": "{}"}
    bad = [
        {**good, "Detail": "[]"},
        {**good, "Detail": "{"},
        {**good, "Source": ""},
        {**good, "Source": "aws.states"},
    ]
    answer = engine.client("events").put_events(Entries=[bad[0], good, *bad[1:], good])
    codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
    assert codes == [
        "MalformedDetail",
        None,
        "MalformedDetail",
        "InvalidArgument",
        "NotAuthorizedForSourceException",
        None,
    ]
    assert answer["FailedEntryCount"] == 4
