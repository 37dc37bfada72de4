"""Where moto's KMS is not KMS: it hashes a digest again before it signs it, and makes an RSA key for every symmetric key."""

import base64
import json
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.kms import models
from moto.kms.responses import KmsResponse
from moto.kms.utils import AbstractPrivateKey, ECDSAPrivateKey, generate_private_key


def sign_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign what is a digest as it is, with ``ECDSA_SHA_256``; everything else stays moto's.

    https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html#KMS-Sign-request-MessageType
    """
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


def save_rsa_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A symmetric key has no private key that anybody could use: one made once will do, and saves half of what an environment costs."""

    def generate(key_spec: str) -> AbstractPrivateKey:
        return _unused() if key_spec == "SYMMETRIC_DEFAULT" else generate_private_key(key_spec)

    monkeypatch.setattr(models, "generate_private_key", generate)


@cache
def _unused() -> AbstractPrivateKey:
    return generate_private_key("RSA_2048")
