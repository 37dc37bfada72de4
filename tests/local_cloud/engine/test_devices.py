"""The broker and the certificate registry treat devices as AWS IoT does."""

import contextlib
import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from gatehouse.device.mqtt import Connection, MqttDevice
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.stack.target import MqttEndpoint
from tests import pki
from tests.local_cloud.conftest import free_port
from tests.local_cloud.devices import DAY, DeviceFiles, device, endpoint_of, issue, register_ca

pytestmark = pytest.mark.local_cloud

ARN = "arn:aws:iot:us-east-1:000000000000"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{ARN}:client/${{iot:Connection.Thing.ThingName}}"},
        {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": f"{ARN}:topic/own/*"},
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{ARN}:topicfilter/own/*"},
    ],
}


@pytest.fixture(scope="module")
def authority(engine: LocalCloud) -> pki.Authority:
    return register_ca(engine, "Broker CA")[0]


@pytest.fixture
def pending(
    engine: LocalCloud, authority: pki.Authority, tmp_path: Path, request: pytest.FixtureRequest
) -> DeviceFiles:
    """A certificate that has knocked once."""
    files = issue(authority, f"device-{abs(hash(request.node.name)) % 10**8}", tmp_path)
    with device(engine, files, "knocking") as mqtt:
        assert mqtt.connect() is Connection.CLOSED
    return files


def admit(engine: LocalCloud, files: DeviceFiles, thing: str) -> None:
    iot = engine.client("iot")
    arn = iot.describe_certificate(certificateId=files.certificate_id)["certificateDescription"]["certificateArn"]
    with contextlib.suppress(iot.exceptions.ResourceAlreadyExistsException):
        iot.create_policy(policyName="own", policyDocument=json.dumps(POLICY))
    iot.create_thing(thingName=thing)
    iot.attach_policy(policyName="own", target=arn)
    iot.attach_thing_principal(thingName=thing, principal=arn, thingPrincipalType="EXCLUSIVE_THING")
    iot.update_certificate(certificateId=files.certificate_id, newStatus="ACTIVE")


def test_a_knock_registers_the_certificate_as_pending(engine: LocalCloud, pending: DeviceFiles) -> None:
    described = engine.client("iot").describe_certificate(certificateId=pending.certificate_id)
    assert described["certificateDescription"]["status"] == "PENDING_ACTIVATION"


def test_an_admitted_device_publishes_on_its_own_topic_and_on_no_other(
    engine: LocalCloud, pending: DeviceFiles
) -> None:
    admit(engine, pending, "thing-a")
    with device(engine, pending, "thing-a") as mqtt:
        assert mqtt.connect() is Connection.CONNECTED
        assert mqtt.subscribe("own/state")
        assert mqtt.publish("own/state", "here")
        message = mqtt.wait_for_message()
        assert message is not None
        assert message.payload == b"here"
        assert not mqtt.publish("others/state", "mine")
        assert mqtt.wait_for_disconnect()


def test_a_device_with_another_client_id_is_not_let_in(engine: LocalCloud, pending: DeviceFiles) -> None:
    admit(engine, pending, "thing-b")
    with device(engine, pending, "thing-x") as mqtt:
        assert mqtt.connect() in (Connection.NOT_AUTHORISED, Connection.CLOSED)


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_a_live_session_ends_when_its_certificate_leaves_active(
    engine: LocalCloud, pending: DeviceFiles, status: str
) -> None:
    admit(engine, pending, f"thing-{status}")
    with device(engine, pending, f"thing-{status}") as mqtt:
        assert mqtt.connect() is Connection.CONNECTED
        engine.client("iot").update_certificate(certificateId=pending.certificate_id, newStatus=status)
        assert mqtt.wait_for_disconnect(), "the session outlived its certificate"
        assert mqtt.connect() is Connection.CLOSED


def test_other_sessions_live_on(
    engine: LocalCloud, pending: DeviceFiles, authority: pki.Authority, tmp_path: Path
) -> None:
    other = issue(authority, "bystander", tmp_path)
    with device(engine, other, "knocking") as mqtt:
        mqtt.connect()
    admit(engine, other, "bystander")
    admit(engine, pending, "leaving")
    with device(engine, other, "bystander") as mqtt:
        assert mqtt.connect() is Connection.CONNECTED
        engine.client("iot").update_certificate(certificateId=pending.certificate_id, newStatus="INACTIVE")
        assert mqtt.publish("own/state", "still here")


def test_nothing_sets_a_certificate_back_to_pending(engine: LocalCloud, pending: DeviceFiles) -> None:
    iot = engine.client("iot")
    with pytest.raises(ClientError, match="InvalidRequestException"):
        iot.update_certificate(certificateId=pending.certificate_id, newStatus="PENDING_ACTIVATION")
    with pytest.raises(ClientError, match="InvalidRequestException"):
        iot.update_certificate(certificateId=pending.certificate_id, newStatus="PENDING_TRANSFER")


def test_an_exclusive_principal_goes_to_one_thing(engine: LocalCloud, pending: DeviceFiles) -> None:
    admit(engine, pending, "thing-one")
    iot = engine.client("iot")
    arn = iot.list_thing_principals(thingName="thing-one")["principals"][0]
    iot.create_thing(thingName="thing-two")
    for kind in ("EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"):
        with pytest.raises(ClientError):
            iot.attach_thing_principal(thingName="thing-two", principal=arn, thingPrincipalType=kind)
    iot.attach_thing_principal(thingName="thing-one", principal=arn, thingPrincipalType="EXCLUSIVE_THING")


def test_a_certificate_of_an_unknown_authority_fails_in_tls(engine: LocalCloud, tmp_path: Path) -> None:
    stranger = pki.authority("Stranger CA", not_before=pki.NOW - DAY)
    files = issue(stranger, "stranger", tmp_path)
    with device(engine, files, "stranger") as mqtt:
        assert mqtt.connect() in (Connection.TLS_FAILED, Connection.CLOSED)


def test_nobody_there_is_unreachable(engine: LocalCloud, pending: DeviceFiles) -> None:
    nowhere = MqttEndpoint("localhost", free_port(), endpoint_of(engine).ca_path)
    with MqttDevice(nowhere, certificate=pending.certificate, key=pending.key, client_id="lost") as mqtt:
        assert mqtt.connect() is Connection.UNREACHABLE
        assert str(nowhere.port) in mqtt.why
