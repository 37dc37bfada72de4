"""AWS's error codes as errors that the state machine knows: what may work later, what never will, and what nobody foresaw."""

import gc
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, NoCredentialsError
from botocore.retries.standard import ThrottledRetryableChecker

from functions.shared.aws import client, is_throttling, translated
from workflows.admission.errors import CertificateUnknown, ThingRefused
from workflows.errors import AccessRefused, AwsUnavailable

FUNCTIONS = Path(__file__).parents[3] / "functions"


def refusal(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "DescribeCertificate")


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (refusal("ThrottlingException"), AwsUnavailable),
        (refusal("ProvisionedThroughputExceededException"), AwsUnavailable),
        (refusal("TooManyRequestsException"), AwsUnavailable),
        (refusal("KMSThrottling"), AwsUnavailable),
        (refusal("KmsThrottled"), AwsUnavailable),
        (refusal("OperationAborted", 409), AwsUnavailable),
        (refusal("NeverHeardOf", 500), AwsUnavailable),
        (refusal("NeverHeardOf", 503), AwsUnavailable),
        (refusal("AccessDeniedException"), AccessRefused),
        (refusal("UnauthorizedException", 401), AccessRefused),
        (refusal("ResourceNotFoundException", 404), CertificateUnknown),
        (EndpointConnectionError(endpoint_url="https://iot"), AwsUnavailable),
        (ConnectTimeoutError(endpoint_url="https://iot"), AwsUnavailable),
        (NoCredentialsError(), AwsUnavailable),
    ],
)
def test_each_fault_is_told_apart(raised: Exception, becomes: type[Exception]) -> None:
    with pytest.raises(becomes) as caught, translated(ResourceNotFoundException=CertificateUnknown):
        raise raised
    assert caught.value.__cause__ is raised
    assert str(caught.value)


def test_every_code_that_aws_throttles_with_may_work_later() -> None:
    """botocore's own list, and what the models of the services mark as throttling or name so, for every service in use."""
    assert all(map(is_throttling, getattr(ThrottledRetryableChecker, "_THROTTLED_ERROR_CODES")))  # noqa: B009 - not in its types
    used = re.findall(r'client\("([a-z0-9-]+)"\)', "".join(path.read_text() for path in FUNCTIONS.rglob("*.py")))
    assert len(set(used)) > 7
    throttling = set()
    for service in sorted(set(used)):
        shapes: list[Any] = botocore.session.get_session().get_service_model(service).error_shapes
        for shape in shapes:
            retried = (shape.metadata.get("retryable") or {}).get("throttling")
            if retried or "throttl" in shape.error_code.lower():
                throttling.add(shape.error_code)
    assert "KMSThrottling" in throttling
    assert [code for code in sorted(throttling) if not is_throttling(code)] == []


@pytest.mark.parametrize("code", ["TooManyTagsException", "LimitExceeded", "TooManyEntriesInBatchRequest", ""])
def test_a_limit_of_the_thing_itself_is_no_throttling(code: str) -> None:
    assert not is_throttling(code)


def test_what_was_foreseen_goes_before_the_general_rule() -> None:
    """LimitExceededException is throttling for one service and a full certificate for another."""
    with pytest.raises(ThingRefused), translated(LimitExceededException=ThingRefused):
        raise refusal("LimitExceededException", 410)


def test_what_nobody_foresaw_passes_as_it_is() -> None:
    unforeseen = refusal("NeverHeardOf")
    with pytest.raises(ClientError) as caught, translated(ResourceNotFoundException=CertificateUnknown):
        raise unforeseen
    assert caught.value is unforeseen


def test_what_botocore_itself_refuses_never_works() -> None:
    """A thing name of no characters: asking again would be refused again."""
    with pytest.raises(ThingRefused), translated(InvalidRequestException=ThingRefused):
        client("iot").describe_thing(thingName="")


def test_our_own_mistakes_are_not_dressed_up() -> None:
    with pytest.raises(KeyError), translated():
        raise KeyError("x")


def test_a_client_is_made_once() -> None:
    assert client("iot") is client("iot")
    assert client("iot").meta.config.retries["total_max_attempts"] == 3


@pytest.mark.parametrize("collecting", [True, False])
def test_making_a_client_leaves_garbage_collection_as_it_was(environment: dict[str, str], collecting: bool) -> None:
    client.cache_clear()
    before = gc.isenabled()
    (gc.enable if collecting else gc.disable)()
    try:
        client("iot")
        assert gc.isenabled() == collecting
    finally:
        (gc.enable if before else gc.disable)()
