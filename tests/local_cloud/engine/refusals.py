"""Asking the engine for what AWS refuses, past the checks that the SDK makes before it sends anything."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from gatehouse.local_cloud.cloud import LocalCloud


def unchecked(engine: LocalCloud, service: str) -> Any:
    """A client of the engine's administrator that sends whatever it is given."""
    checked = engine.client(service)
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    import boto3

    credentials = checked._request_signer._credentials
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=checked.meta.endpoint_url,
        region_name=checked.meta.region_name,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        config=config,
    )


def refused(call: Callable[..., Any], /, **given: object) -> tuple[str, str]:
    """The code and the message with which a call is refused. Fails if it is not."""
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response["Error"]
    return error["Code"], error.get("Message", "")


def code_of(call: Callable[..., Any], /, **given: object) -> str:
    return refused(call, **given)[0]
