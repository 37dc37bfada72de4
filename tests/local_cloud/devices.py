"""Certificates that are valid now, and a CA that AWS IoT knows, for devices that really connect."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.device.mqtt import MqttDevice
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.stack.target import MqttEndpoint
from tests import pki

DAY = timedelta(days=1)


@dataclass(frozen=True)
class DeviceFiles:
    """A device's certificate and key on disk, as an operator would hand them to a client."""

    certificate: Path
    key: Path
    certificate_id: str
    """SHA-256 of the certificate's DER: what AWS IoT calls it."""
    x509: x509.Certificate


def endpoint_of(cloud: LocalCloud) -> MqttEndpoint:
    status = cloud.status()
    return MqttEndpoint(status.mqtt_host, status.mqtt_port, status.broker_ca)


def register_ca(cloud: LocalCloud, common_name: str = "Device CA") -> tuple[pki.Authority, str]:
    """A new CA registered with automatic registration on, by the registration-code dance; and its id in AWS IoT."""
    now = datetime.now(UTC)
    authority = pki.authority(common_name, not_before=now - DAY, not_after=now + 30 * DAY)
    iot = cloud.client("iot")
    code = iot.get_registration_code()["registrationCode"]
    verification = pki.device(authority, code, not_before=now - DAY, not_after=now + DAY)
    answer = iot.register_ca_certificate(
        caCertificate=authority.pem,
        verificationCertificate=pki.pem(verification),
        setAsActive=True,
        allowAutoRegistration=True,
    )
    return authority, answer["certificateId"]


def issue(authority: pki.Authority, common_name: str, folder: Path) -> DeviceFiles:
    """A certificate of that CA with files in ``folder``."""
    now = datetime.now(UTC)
    certificate = pki.device(
        authority, common_name, private_key=pki.key(common_name), not_before=now - DAY, not_after=now + DAY
    )
    files = DeviceFiles(
        certificate=folder / f"{common_name}.pem",
        key=folder / f"{common_name}.key",
        certificate_id=_sha256(certificate.public_bytes(Encoding.DER)),
        x509=certificate,
    )
    files.certificate.write_text(pki.pem(certificate))
    files.key.write_text(pki.key_pem(pki.key(common_name)))
    return files


def device(cloud: LocalCloud, files: DeviceFiles, client_id: str) -> MqttDevice:
    return MqttDevice(endpoint_of(cloud), certificate=files.certificate, key=files.key, client_id=client_id)


def _sha256(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()
