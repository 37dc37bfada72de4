"""Where moto is not AWS, or takes time for nothing: each patch says what it changes, and leaves the rest to moto."""

import base64
import json
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.core.serialize import AttributePicker, AttributePickerContext
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


def look_up_attribute_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read an AttributeValue's one member from the dict that holds it.

    For each of its ten members moto looks for a dozen other names, in each value of each item: a third of the time of a call.
    """
    pick = AttributePicker.__call__

    def picked(picker: AttributePicker, context: AttributePickerContext) -> Any:
        parent = getattr(context.shape, "parent", None)
        if parent is not None and parent.name == "AttributeValue" and type(context.obj) is dict:
            return context.obj.get(context.key)
        return pick(picker, context)

    monkeypatch.setattr(AttributePicker, "__call__", picked)
