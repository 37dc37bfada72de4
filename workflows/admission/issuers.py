"""Whether ``issuers/<CA certificate id>.pem`` in the bucket of lists is that CA's certificate. Operators and functions write it.

A certificate whose SHA-256 is its id proves itself. AWS does not document that CA certificates have such ids (it says "the CA certificate
identifier": https://docs.aws.amazon.com/iot/latest/apireference/API_RegisterCACertificate.html). So a file that does not prove itself is
compared with what AWS IoT has under the id (DescribeCACertificate), which is right in both cases.
"""

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

MAX_OCTETS = 65_536
"""The longest PEM of a CA (RegisterCACertificate, ``caCertificate``)."""


def key_of(ca_certificate_id: str) -> str:
    return f"issuers/{ca_certificate_id}.pem"


def read(data: bytes) -> x509.Certificate | None:
    """The certificate, or None if the file does not hold one."""
    if len(data) > MAX_OCTETS:
        return None
    try:
        return x509.load_pem_x509_certificate(data)
    except ValueError:
        return None


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 of its DER."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def proves_itself(certificate: x509.Certificate, ca_certificate_id: str) -> bool:
    return fingerprint(certificate) == ca_certificate_id


def mismatch(ca_certificate_id: str, in_bucket: x509.Certificate, registered: x509.Certificate | None) -> str:
    """What is wrong with the file, and what to do. `registered` is AWS IoT's certificate, or None if it does not know the CA."""
    said = f"AWS IoT has {fingerprint(registered)}" if registered is not None else "AWS IoT has no CA with this id"
    key = key_of(ca_certificate_id)
    return (
        f"{key} in the bucket of lists is not the CA's certificate: it has the SHA-256 {fingerprint(in_bucket)}; {said}. "
        "The CA's devices are held. "
        f"Find out who wrote it, and delete it (aws s3 rm s3://CRL_BUCKET/{key}): the next admission fetches the right one from AWS IoT."
    )
