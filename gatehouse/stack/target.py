"""The stack that a command acts on: in the local cloud or on AWS. The calls are the same for both."""

import functools
import os
import threading
from typing import Any, NamedTuple

from gatehouse.errors import NotFound
from gatehouse.local_cloud.cloud import RETRIES, LocalCloud, LocalCloudStatus, client
from gatehouse.local_cloud.errors import NotRunning
from gatehouse.local_cloud.settings import STACK
from workflows.errors import BadInput

AWS_MQTT_PORT = 8883


class MqttEndpoint(NamedTuple):
    """Where devices connect. ``ca_path`` is None on AWS, whose roots the system trusts."""

    host: str
    port: int
    ca_path: str | None


class Target:
    """A stack, local or on AWS."""

    def __init__(self, stack: str, local: LocalCloudStatus | None = None) -> None:
        self.stack = stack
        self.local = local
        self._clients: dict[str, Any] = {}
        self._making_client = threading.Lock()  # boto3's default session is not for several threads at once

    @classmethod
    def resolve(cls, local: bool | None = None, stack: str = STACK) -> "Target":
        """The stack. ``local=None`` reads GATEHOUSE_TARGET (``local`` or ``aws``, the default). Raises NotRunning, BadInput."""
        if not (_wanted_local() if local is None else local):
            return cls(stack)
        cloud = LocalCloud()
        status = cloud.status()
        if not status.running:
            raise NotRunning(f"No local cloud runs in {cloud.settings.home}. Start one: gatehouse up")
        return cls(status.stack, status)

    def client(self, service: str) -> Any:
        """A boto3 client: of the local cloud, or with the AWS credentials and Region in use. Made once, and shared by all threads."""
        with self._making_client:
            if service not in self._clients:
                self._clients[service] = self._make_client(service)
            return self._clients[service]

    def _make_client(self, service: str) -> Any:
        if self.local:
            return client(self.local, service)
        import boto3
        from botocore.config import Config

        return boto3.client(service, config=Config(retries=RETRIES))  # type: ignore[call-overload]

    def credentials(self) -> Any:
        """The credentials in use: of the local cloud's administrator, or for AWS. Raises NoCredentialsError."""
        import boto3
        from botocore.credentials import Credentials
        from botocore.exceptions import NoCredentialsError

        if self.local:
            return Credentials(self.local.access_key_id, self.local.secret_access_key)
        found = (boto3.DEFAULT_SESSION or boto3.Session()).get_credentials()
        if found is None:
            raise NoCredentialsError
        return found

    @functools.cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs. Raises NotFound if there is no such stack."""
        from botocore.exceptions import ClientError

        from gatehouse.local_cloud.deploy import outputs

        cloudformation = self.client("cloudformation")
        try:
            return outputs(cloudformation, self.stack)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":  # CloudFormation's error code for a missing stack
                raise
            raise NotFound(
                f"There is no stack {self.stack!r} in {cloudformation.meta.region_name} of this account. "
                "Name the stack with --stack, its Region with --region."
            ) from error

    def output(self, name: str) -> str:
        """One output. Raises BadInput if the stack has no output of that name."""
        if name not in self.outputs:
            raise BadInput(
                f"Stack {self.stack!r} has no output {name!r}. Is it a Gatehouse stack? It has: {', '.join(self.outputs)}"
            )
        return self.outputs[name]

    def mqtt_endpoint(self) -> MqttEndpoint:
        """Where the stack's devices connect."""
        if self.local:
            return MqttEndpoint(self.local.mqtt_host, self.local.mqtt_port, self.local.broker_ca)
        answer = self.client("iot").describe_endpoint(endpointType="iot:Data-ATS")
        return MqttEndpoint(answer["endpointAddress"], AWS_MQTT_PORT, None)


def _wanted_local() -> bool:
    wanted = os.environ.get("GATEHOUSE_TARGET", "aws")
    if wanted not in ("local", "aws"):
        raise BadInput(f"GATEHOUSE_TARGET is {wanted!r}; expected local or aws.")
    return wanted == "local"
