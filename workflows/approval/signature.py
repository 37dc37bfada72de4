"""What a person signs when they vote, as it stands in the table, in the execution and in the sealed record."""

from typing import Literal

from msgspec import Struct

from workflows.hashes import Sha256
from workflows.moments import Moment


class OnBehalfOf(Struct, frozen=True, kw_only=True):
    """Whose right a vote used, by which delegation, and until when that stands. `group` is the one that was delegated."""

    delegation_id: str
    subject: str
    name: str
    group: str
    until: Moment


class SignedVote(Struct, frozen=True, kw_only=True):
    """One person's signature block (21 CFR 11.50): printed name, time, meaning; bound to the basis (11.70).

    `signature` is made when the vote is cast, over all the rest and the approval's id: see `workflows.evidence.votes`. `on_behalf_of` is
    set where the right to vote was another's; name and subject are always those of the person who signed.
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
    signature: str | None = None

    @property
    def authority(self) -> str:
        """The subject of the person whose right to vote this used up."""
        return self.on_behalf_of.subject if self.on_behalf_of else self.subject
