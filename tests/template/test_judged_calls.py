"""Every call of AWS in our code, by botocore's models: its operation, its parameters, and each error code that is looked for."""

from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from tests.calls import Call, Code, File, read

S3 = "https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
COMMON = "https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html"
SIGNING = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"
DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"
DOCUMENTED = {
    "404": "https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html",
    "ConditionalRequestConflict": "https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html",
    "ExpiredToken": S3,
    "IncompleteSignature": COMMON,
    "InternalFailure": COMMON,
    "InvalidAccessKeyId": S3,
    "InvalidClientTokenId": COMMON,
    "InvalidRange": S3,
    "InvalidSignatureException": SIGNING,
    "KMS.AccessDeniedException": "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html",
    "MissingAuthenticationToken": COMMON,
    "OperationAborted": S3,
    "PreconditionFailed": S3,
    "RequestExpired": COMMON,
    "RequestTimeTooSkewed": S3,
    "ServiceUnavailable": COMMON,
    "SignatureDoesNotMatch": S3,
    "TokenRefreshRequired": S3,
    "UnrecognizedClientException": DYNAMODB,
}
"""Codes that AWS documents and no model of a service that we call has, with AWS's page."""
_CHECKERS: tuple[Any, Any] = (ThrottledRetryableChecker, TransientRetryableChecker)
RETRIED = frozenset(_CHECKERS[0]._THROTTLED_ERROR_CODES) | frozenset(_CHECKERS[1]._TRANSIENT_ERROR_CODES)
"""What botocore itself knows of every service."""


@cache
def model(service: str) -> Any:
    return botocore.session.Session().get_service_model(service)


@cache
def operations(service: str) -> dict[str, Any]:
    """By the names that boto3 gives them."""
    return {xform_name(name): model(service).operation_model(name) for name in model(service).operation_names}


@cache
def errors(service: str) -> frozenset[str]:
    shapes = model(service).error_shapes
    return frozenset(shape.name for shape in shapes) | frozenset(shape.error_code for shape in shapes)


@cache
def errors_of(services: frozenset[str]) -> frozenset[str]:
    """Those of the services, and what is documented without a model."""
    return frozenset[str]().union(*map(errors, services)) | DOCUMENTED.keys() | RETRIED


def call_faults(call: Call) -> list[str]:
    operation = operations(call.service).get(call.method)
    if operation is None:
        return [f"{call.where}: {call.service} has no {call.method}"]
    shape = operation.input_shape
    members = set(shape.members) if shape else set()
    faults = [f"{call.where}: {call.method} has no parameter {name}" for name in sorted(call.parameters - members)]
    if call.whole and shape and (missing := set(shape.required_members) - call.parameters):
        faults.append(f"{call.where}: {call.method} needs {', '.join(sorted(missing))}")
    return faults


def code_faults(code: Code, services: frozenset[str]) -> list[str]:
    known = errors(code.service) if code.service else errors_of(services)
    begins = code.code.removesuffix("*")
    found = any(one.startswith(begins) for one in known) if code.code.endswith("*") else code.code in known
    return [] if found else [f"{code.where}: {code.service or 'no service'} has the error {code.code}"]


@cache
def services() -> frozenset[str]:
    return frozenset(call.service for file in read() for call in file.calls())


def test_every_call_is_one_of_its_service_with_parameters_that_it_has() -> None:
    calls = [call for file in read() for call in file.calls()]
    assert len(calls) > 200
    assert {"iot", "dynamodb", "s3", "kms", "sns", "sqs", "stepfunctions", "lambda"} <= services()
    assert [fault for call in calls for fault in call_faults(call)] == []


def test_no_call_is_missed() -> None:
    """A parameter is written as AWS writes it, and nobody knows whose client is called: `tests/calls.py` has to learn it."""
    known = {"functions/reconciliation/reconcile_fleet/pages.py": "_page hands on what its callers name"}
    missed = [one for file in read() for one in file.unknown() if one.partition(":")[0] not in known]
    assert missed == []


def test_every_error_code_is_one_of_a_service_that_is_called_or_documented() -> None:
    found = [code for file in read() for code in file.codes()]
    assert len(found) > 100
    assert [fault for code in found for fault in code_faults(code, services())] == []


def test_each_allowance_is_needed_and_names_awss_page() -> None:
    looked_for = {code.code for file in read() for code in file.codes()}
    modelled = frozenset[str]().union(*map(errors, services())) | RETRIED
    for code, page in DOCUMENTED.items():
        assert any(code == one or (one.endswith("*") and code.startswith(one[:-1])) for one in looked_for), code
        assert code not in modelled, code
        assert page.startswith("https://docs.aws.amazon.com/"), code


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('client("iot").describe_certficate(certificateId="1")', "has no describe_certficate"),
        ('target.client("iot").describe_certificate(certificateID="1")', "has no parameter certificateID"),
        ('iot = target.client("iot")\niot.describe_certificate()', "needs certificateId"),
        ('iot, kms = client("iot"), client("kms")\nkms.sign(KeyId="1")', "needs Message, SigningAlgorithm"),
        ('client("s3").get_paginator("list_objects_v2").paginate(Buckett="1")', "has no parameter Buckett"),
        ('client("s3").get_paginator("list_objects_v3")', "has no list_objects_v3"),
        ('client("iot").describe_certificate(certificateId="1")', ""),
        ('client("s3").put_object(**request)', ""),
    ],
)
def test_what_the_judge_of_calls_finds(text: str, fault: str) -> None:
    found = [one for call in File(text).calls() for one in call_faults(call)]
    assert any(fault in one for one in found) if fault else found == []


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('error.response["Error"]["Code"] == "NoSuchKey"', True),
        ('error.response["Error"]["Code"] == "NoSuchkey"', False),
        ('CODES = {"NoSuchKeys"}\nerror.response["Error"]["Code"] in CODES', False),
        ("with translated(ResourceNotFound=X): pass", False),
        ('client("iot").exceptions.ResourceNotFoundException', True),
        ('client("iot").exceptions.NotFoundException', False),
        ('BEGINS = ("Throttl",)\ncode.startswith(BEGINS)', True),
        ('BEGINS = ("Slower",)\ncode.startswith(BEGINS)', False),
        ('error.code == "no_session"', True),
    ],
)
def test_what_the_judge_of_codes_finds(text: str, *, right: bool) -> None:
    found = [one for code in File(text).codes() for one in code_faults(code, frozenset({"iot", "s3"}))]
    assert (found == []) is right


def test_a_client_that_nobody_knows_is_named() -> None:
    assert list(File("thing.get_object(Bucket='b')").unknown()) == [":1: thing.get_object"]
