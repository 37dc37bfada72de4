"""The registered CAs' certificates. Asked of AWS IoT once in a CA's life: DescribeCACertificate has the quota of DescribeCertificate.

``gatehouse ca register`` puts them in the bucket; for a CA that was registered in another way the first admission does.
"""

from functools import lru_cache

from cryptography import x509

from functions.shared import objects
from functions.shared.aws import client, translated
from functions.shared.observability import logger
from workflows.admission.errors import CertificateUnknown


@lru_cache(maxsize=32)
def load(bucket: str, ca_certificate_id: str) -> x509.Certificate:
    """The certificate of the CA that AWS IoT has under this id, which never changes: kept while the Lambda is warm.

    Raises `CertificateUnknown` if AWS IoT does not know the CA (any more), `AwsUnavailable`, `AccessRefused`.
    """
    key = f"issuers/{ca_certificate_id}.pem"
    kept = objects.read(bucket, key)
    if kept is not None:
        try:
            return x509.load_pem_x509_certificate(kept.data)
        except ValueError:
            logger.warning("%s in the bucket is no certificate; asking AWS IoT and replacing it", key)
    with translated(ResourceNotFoundException=CertificateUnknown):
        description = client("iot").describe_ca_certificate(certificateId=ca_certificate_id)["certificateDescription"]
    pem = description["certificatePem"].encode("ascii")
    certificate = x509.load_pem_x509_certificate(pem)
    objects.write(bucket, key, pem, "application/x-pem-file")
    return certificate
