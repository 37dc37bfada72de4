"""A task token is a bearer secret: anybody who has it can end the wait. It is stored encrypted, bound to its request."""

from functions.shared.aws import client, translated
from workflows.errors import AccessRefused


def encrypt(task_token: str, approval_id: str, key_arn: str) -> bytes:
    """Returns the token, encrypted with the stack's key. The encryption context binds it to `approval_id`, and CloudTrail shows it."""
    with translated():
        answer = client("kms").encrypt(
            KeyId=key_arn, Plaintext=task_token.encode(), EncryptionContext={"approval_id": approval_id}
        )
    ciphertext: bytes = answer["CiphertextBlob"]
    return ciphertext


def decrypt(ciphertext: bytes, approval_id: str, key_arn: str) -> str:
    """Returns the token. Raises `AccessRefused` if it was encrypted for another request."""
    with translated(InvalidCiphertextException=AccessRefused):
        answer = client("kms").decrypt(
            KeyId=key_arn, CiphertextBlob=ciphertext, EncryptionContext={"approval_id": approval_id}
        )
    plaintext: bytes = answer["Plaintext"]
    return plaintext.decode()
