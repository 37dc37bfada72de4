"""What can go wrong around a request for approval. A refused vote is not among these: it is a result (`votes.Refused`).

`MayWorkLater`:
    DecisionPending         the execution was resumed and nothing is decided yet: it goes back to waiting
    IdentityProviderUnavailable
                            who somebody is could not be found out: the provider did not answer, or not sensibly

`WillNeverWork`:
    ApprovalUnknown         there is no such request
"""

from workflows.errors import MayWorkLater, WillNeverWork


class DecisionPending(MayWorkLater):
    """The request is still open: whoever resumed the execution was not the one who may."""


class IdentityProviderUnavailable(MayWorkLater):
    """The identity provider did not answer, or not as OpenID Connect has it. The message says what was asked and came back."""


class ApprovalUnknown(WillNeverWork):
    """No request for approval has this id."""
