"""A vote's own signature (21 CFR 11.70): it cannot be moved from one record to another.

A detached JWS (RFC 7515 appendix F): the payload is left out, and a verifier builds it again from the vote and its record.
"""

from collections.abc import Mapping

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from workflows.admission.contracts import Decision
from workflows.approval.signature import SignedVote
from workflows.canonical import sorted_json
from workflows.evidence import jws
from workflows.evidence.errors import EvidenceInvalid

FORMAT = "gatehouse.vote/1"
FORMAT_ON_BEHALF = "gatehouse.vote/2"
"""The format of a vote by delegation: the same, and `on_behalf_of`."""
FORMAT_NAME_FROM = "gatehouse.vote/3"
"""The same, `on_behalf_of` or null, and `name_from`. New votes have this format; older ones verify by their own."""
_BOUND = (
    "subject",
    "name",
    "groups",
    "decision",
    "meaning",
    "reason",
    "basis_sha256",
    "certificate_id",
    "voted_at",
    "signed_in_at",
    "authentication_methods",
)
# Listed here, not taken from the struct: a field added later must not change what an old signature covers.


def statement(vote: SignedVote, approval_id: str) -> bytes:
    """The bytes that a vote's signature covers: who, for whom, what, when, why, on which certificate, basis and request."""
    plain = msgspec.to_builtins(vote)
    bound = {"format": FORMAT, "approval_id": approval_id} | {field: plain[field] for field in _BOUND}
    if vote.on_behalf_of is not None:
        bound |= {"format": FORMAT_ON_BEHALF, "on_behalf_of": plain["on_behalf_of"]}
    if vote.name_from is not None:
        bound |= {
            "format": FORMAT_NAME_FROM,
            "on_behalf_of": plain["on_behalf_of"],
            "name_from": plain["name_from"],
        }
    return sorted_json(bound)


def signed(vote: SignedVote, approval_id: str, *, protected_header: str, sign: jws.Sign) -> SignedVote:
    """The vote with its signature, ``<protected>..<signature>``."""
    signature = sign(jws.signing_input(protected_header, statement(vote, approval_id)))
    return msgspec.structs.replace(vote, signature=f"{protected_header}..{jws.encode(signature)}")


def check(
    vote: SignedVote,
    decision: Decision,
    *,
    certificate_id: str,
    basis_sha256: str,
    keys: Mapping[str, ec.EllipticCurvePublicKey],
) -> None:
    """Check that `vote` was cast on this certificate, basis and request by its signer. Raises `EvidenceInvalid`."""
    who = f"The vote of {vote.name!r} ({vote.subject})"
    if vote.certificate_id != certificate_id:
        raise EvidenceInvalid("vote", f"{who} was cast on certificate {vote.certificate_id}, not on {certificate_id}.")
    if vote.basis_sha256 != basis_sha256:
        raise EvidenceInvalid("vote", f"{who} was cast on basis {vote.basis_sha256}; the record's is {basis_sha256}.")
    header, separator, signature = (vote.signature or "").partition("..")
    if not separator:
        raise EvidenceInvalid("vote", f"{who} carries no signature.")
    try:
        signed_bytes = jws.signing_input(header, statement(vote, decision.approval_id))
        jws.check(header, signed_bytes, signature, kind=jws.VOTE, keys=keys)
    except (EvidenceInvalid, UnicodeEncodeError) as error:
        raise EvidenceInvalid(
            "vote", f"{who} does not carry its signer's signature on this request: {error}"
        ) from error
