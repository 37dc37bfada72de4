"""Requests to the engine by hand: as a program, a browser or an attacker sends them."""

import http.client
import json
from collections.abc import Mapping
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gatehouse.local_cloud.cloud import LocalCloud


class Answer:
    """Status, headers with small names, and body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()


def send(
    cloud: LocalCloud, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Answer:
    """Exactly these headers, Content-Length, and Host of the engine unless another is given."""
    fields = headers or {}
    connection = http.client.HTTPConnection("127.0.0.1", cloud.settings.port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host="Host" in fields)
        for name, value in {"Content-Length": str(len(body)), **fields}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def signature(
    cloud: LocalCloud, method: str, path: str, body: bytes = b"", key: Credentials | None = None
) -> dict[str, str]:
    """The headers of a request signed with the administrator's key, or with another."""
    status = cloud.status()
    request = AWSRequest(method, f"{status.endpoint}{path}", data=body)
    credentials = key or Credentials(status.access_key_id, status.secret_access_key)
    SigV4Auth(credentials, "execute-api", status.region).add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}


def get_json(cloud: LocalCloud, path: str) -> Any:
    """What one of the engine's own addresses says to its administrator."""
    answer = send(cloud, "GET", path, signature(cloud, "GET", path))
    assert answer.status == 200, answer.body
    return json.loads(answer.body)
