"""What a person signs when they vote, as the table, the execution and the sealed record hold it."""

from typing import Literal

from msgspec import Struct

from workflows.hashes import Sha256
from workflows.moments import Moment


class OnBehalfOf(Struct, frozen=True, kw_only=True):
    """Whose right a vote used, by which delegation, and until when it is valid. `group` is the delegated one."""

    delegation_id: str
    subject: str
    name: str
    group: str
    until: Moment


class NameSource(Struct, frozen=True, kw_only=True):
    """Where a printed name comes from: an issuer's token, which claim, and when it was issued (at the sign-in or its renewal)."""

    issuer: str
    claim: str
    issued_at: Moment | None


class SignedVote(Struct, frozen=True, kw_only=True):
    """One person's signature block (21 CFR 11.50): printed name, time, meaning; linked to the basis (11.70).

    `signature` is made when the vote is cast, over all other fields and the approval's id: see `workflows.evidence.votes`. `on_behalf_of`
    is set if the right to vote was another person's; name and subject are always those of the person who signed. `name_from` is None for
    votes from before this field existed.
    """

    subject: str
    name: str
    groups: tuple[str, ...]
    decision: Literal["approve", "reject"]
    meaning: str
    reason: str
    basis_sha256: Sha256
    certificate_id: Sha256
    voted_at: Moment
    signed_in_at: Moment | None = None
    authentication_methods: tuple[str, ...] = ()
    on_behalf_of: OnBehalfOf | None = None
    name_from: NameSource | None = None
    signature: str | None = None

    @property
    def right_holder(self) -> str:
        """The subject of the person whose right to vote this used up."""
        return self.on_behalf_of.subject if self.on_behalf_of else self.subject
