"""A task token is a bearer secret: whoever has it can end the wait. It is kept encrypted, bound to its request."""

from functions.shared.aws import client, translated
from workflows.errors import AccessRefused


def encrypt(task_token: str, approval_id: str, key_arn: str) -> bytes:
    """The token under the stack's key. The encryption context ties it to `approval_id` and names it in CloudTrail."""
    with translated():
        answer = client("kms").encrypt(
            KeyId=key_arn, Plaintext=task_token.encode(), EncryptionContext={"approval_id": approval_id}
        )
    ciphertext: bytes = answer["CiphertextBlob"]
    return ciphertext


def decrypt(ciphertext: bytes, approval_id: str, key_arn: str) -> str:
    """The token. Raises `AccessRefused` if it was encrypted for another request."""
    with translated(InvalidCiphertextException=AccessRefused):
        answer = client("kms").decrypt(
            KeyId=key_arn, CiphertextBlob=ciphertext, EncryptionContext={"approval_id": approval_id}
        )
    plaintext: bytes = answer["Plaintext"]
    return plaintext.decode()
