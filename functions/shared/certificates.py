"""The certificate in AWS IoT: its status and its ARN."""

from typing import Literal

from functions.shared.aws import client, translated
from workflows.admission.errors import CertificateChanged, CertificateUnknown
from workflows.errors import AwsUnavailable


def arn(execution_arn: str, kind: Literal["cert", "thing"], name: str) -> str:
    """Returns the ARN of a certificate or thing in AWS IoT, in the partition, Region and account of an execution."""
    _, partition, _, region, account, *_ = execution_arn.split(":")
    return f"arn:{partition}:iot:{region}:{account}:{kind}/{name}"


def status_of(certificate_id: str) -> str:
    """Returns the certificate's current status in AWS IoT. It uses DescribeCertificate's small quota: call it only if time has passed.

    Raises `CertificateUnknown`.
    """
    with translated(ResourceNotFoundException=CertificateUnknown):
        answer = client("iot").describe_certificate(certificateId=certificate_id)
    status: str = answer["certificateDescription"]["status"]
    return status


def set_status(certificate_id: str, status: Literal["ACTIVE", "INACTIVE", "REVOKED"]) -> None:
    """Set the status. A repeat changes nothing. Raises `CertificateUnknown`, `CertificateChanged`."""
    with translated(ResourceNotFoundException=CertificateUnknown, CertificateStateException=CertificateChanged):
        client("iot").update_certificate(certificateId=certificate_id, newStatus=status)


def not_seen(certificate_arn: str, beside: str) -> AwsUnavailable:
    """Returns the error to raise when AWS IoT does not find the certificate or the thing or policy, although it existed a moment ago.

    AWS IoT does not say which of the two is missing. Raises `CertificateUnknown` if it is the certificate.
    """
    status_of(certificate_arn.rpartition("/")[2])
    return AwsUnavailable(f"AWS IoT does not find {beside} yet, which was just created or read.")
