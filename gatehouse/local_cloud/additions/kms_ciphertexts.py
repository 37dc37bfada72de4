"""What KMS encrypted can be decrypted unchanged only, and with its own key only.

https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html: a ciphertext that was changed is ``InvalidCiphertextException``; a
KeyId that is not the key it was encrypted with is ``IncorrectKeyException``. The engine's ciphertexts carry nothing that would show a
change, and it decrypts with whatever key is named: what comes out is garbage that looks like a success."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable

from ministack.services import kms

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json, Response

_TAG_BYTES = 16
_KEY_ID_BYTES = 36
_ENCRYPTING = ("_encrypt", "_generate_data_key", "_generate_data_key_without_plaintext")

Operation = Callable[[Json], Response]


def apply() -> None:
    patch.wrap(kms, "_decrypt", _unchanged)
    for name in _ENCRYPTING:
        patch.wrap(kms, name, _tagged)


def _tagged(original: Operation, data: Json) -> Response:
    status, headers, body = original(data)
    answer = json.loads(body)
    blob = base64.b64decode(answer["CiphertextBlob"]) if status < 300 else b""
    if record := _key_of(blob):
        answer["CiphertextBlob"] = base64.b64encode(blob + _tag(record, blob)).decode()
    return status, headers, json.dumps(answer).encode()


def _unchanged(original: Operation, data: Json) -> Response:
    try:
        blob = base64.b64decode(data.get("CiphertextBlob", ""), validate=True)
    except (binascii.Error, TypeError):
        return original(data)
    record = _key_of(blob)
    named = kms._resolve_key(data["KeyId"]) if data.get("KeyId") else None
    if record is None:
        return _refused("InvalidCiphertextException") if named and "_symmetric_key" in named else original(data)
    if named is not None and named["KeyId"] != record["KeyId"]:
        return _refused(
            "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation.",
        )
    if not hmac.compare_digest(blob[-_TAG_BYTES:], _tag(record, blob[:-_TAG_BYTES])):
        return _refused("InvalidCiphertextException")
    return original({**data, "CiphertextBlob": base64.b64encode(blob[:-_TAG_BYTES]).decode()})


def _key_of(blob: bytes) -> Json:
    """The symmetric key whose id stands at the head of a ciphertext; None for anything else."""
    record = kms._resolve_key(blob[:_KEY_ID_BYTES].decode("ascii", "replace")) if len(blob) > _KEY_ID_BYTES else None
    return record if record and "_symmetric_key" in record else None


def _tag(record: Json, blob: bytes) -> bytes:
    return hmac.digest(record["_symmetric_key"], blob, hashlib.sha256)[:_TAG_BYTES]


def _refused(code: str, message: str = "") -> Response:
    answer: Response = kms.error_response_json(code, message, 400)
    return answer
