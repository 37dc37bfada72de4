"""Signing with the stack's asymmetric KMS key. The private key cannot leave KMS; the public key is read once."""

import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec

from functions.shared.aws import client, translated
from workflows.approval.signature import SignedVote
from workflows.errors import AccessRefused, AwsUnavailable
from workflows.evidence import jws, votes

KEYS_PATH = "/evidence/keys.json"
"""Where the stack's HTTP API publishes the public key."""

# An operator repairs a key that is disabled or pending deletion, and then redrives. An unreachable key becomes reachable by itself.
_KMS_ERRORS = {
    "DisabledException": AccessRefused,
    "KMSInvalidStateException": AccessRefused,
    "NotFoundException": AccessRefused,
    "KeyUnavailableException": AwsUnavailable,
    "DependencyTimeoutException": AwsUnavailable,
}


class Signer:
    """Signs with ES256 and the key `key_arn`. `url` is the base of the HTTP API that publishes the public key."""

    def __init__(self, key_arn: str, url: str) -> None:
        self._key_arn = key_arn
        self._jku = url + KEYS_PATH

    def header(self, kind: str) -> str:
        """Returns the encoded protected header for a file whose `typ` is `kind`. Raises `AwsUnavailable`, `AccessRefused`."""
        return jws.protected(kind, jws.thumbprint(public_key(self._key_arn)), self._jku)

    def keys(self) -> jws.Keys:
        """Returns the one key that this stack signs with."""
        return jws.Keys(public_key(self._key_arn))

    def sign(self, signing_input: bytes) -> bytes:
        """Returns 64 bytes, r then s (RFC 7518 section 3.4). KMS returns DER. It accepts at most 4,096 bytes, so it gets the digest."""
        with translated(**_KMS_ERRORS):
            answer = client("kms").sign(
                KeyId=self._key_arn,
                Message=hashlib.sha256(signing_input).digest(),
                MessageType="DIGEST",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        return jws.one_form(answer["Signature"])

    def seal(self, kind: str, payload: bytes) -> bytes:
        """Returns the sealed file of `payload`."""
        return jws.seal(payload, protected_header=self.header(kind), sign=self.sign)

    def sign_vote(self, vote: SignedVote, approval_id: str) -> SignedVote:
        """Returns the vote with its signature, which covers the rest of the vote and the approval's id (21 CFR 11.70)."""
        return votes.signed(vote, approval_id, protected_header=self.header(jws.VOTE), sign=self.sign)


@cache
def public_key(key_arn: str) -> ec.EllipticCurvePublicKey:
    """Returns the public key from KMS; it cannot change under one ARN. Raises `AwsUnavailable`, `AccessRefused`."""
    with translated(**_KMS_ERRORS):
        return jws.read_key(client("kms").get_public_key(KeyId=key_arn)["PublicKey"])
