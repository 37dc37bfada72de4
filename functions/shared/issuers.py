"""The registered CAs' certificates. Asked of AWS IoT once in a CA's life: DescribeCACertificate has the quota of DescribeCertificate.

``gatehouse ca register`` puts them in the bucket; for a CA that was registered in another way the first admission does.
"""

from functools import lru_cache

from botocore.exceptions import ClientError
from cryptography import x509

from functions.shared.aws import client, translated
from functions.shared.observability import logger
from workflows.admission.errors import CertificateUnknown


@lru_cache(maxsize=32)
def load(bucket: str, ca_certificate_id: str) -> x509.Certificate:
    """The certificate of the CA that AWS IoT has under this id, which never changes: kept while the Lambda is warm.

    Raises `CertificateUnknown` if AWS IoT does not know the CA (any more), `AwsUnavailable`, `AccessRefused`.
    """
    key = f"issuers/{ca_certificate_id}.pem"
    kept = _kept(bucket, key)
    if kept is not None:
        try:
            return x509.load_pem_x509_certificate(kept)
        except ValueError:
            logger.warning("%s in the bucket is no certificate; asking AWS IoT and replacing it", key)
    with translated(ResourceNotFoundException=CertificateUnknown):
        description = client("iot").describe_ca_certificate(certificateId=ca_certificate_id)["certificateDescription"]
    pem = description["certificatePem"].encode("ascii")
    certificate = x509.load_pem_x509_certificate(pem)
    with translated():
        client("s3").put_object(Bucket=bucket, Key=key, Body=pem, ContentType="application/x-pem-file")
    return certificate


def _kept(bucket: str, key: str) -> bytes | None:
    try:
        with translated():
            body: bytes = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None
    return body
