"""moto takes a digest for a message and hashes it again. This makes it sign digests as KMS does.

https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html#KMS-Sign-request-MessageType
"""

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey


def sign_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """For MessageType DIGEST with ``ECDSA_SHA_256``; everything else stays moto's."""
    raw = KmsResponse.sign

    def sign(response: KmsResponse) -> str:
        if response._get_param("MessageType") != "DIGEST":
            return raw(response)
        key = response.kms_backend.describe_key(response._get_param("KeyId"))
        assert response._get_param("SigningAlgorithm") == "ECDSA_SHA_256"
        assert isinstance(key.private_key, ECDSAPrivateKey)
        digest = response._get_param("Message")
        signature = key.private_key.private_key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        return json.dumps(
            {"KeyId": key.arn, "Signature": base64.b64encode(signature).decode(), "SigningAlgorithm": "ECDSA_SHA_256"}
        )

    monkeypatch.setattr(KmsResponse, "sign", sign)
