"""What can go wrong with a request for approval. A refused vote is not among these: it is a result (`votes.Refused`).

`MayWorkLater`:
    DecisionPending         the execution was resumed before a decision: it waits again
    IdentityProviderUnavailable
                            the person could not be identified: the provider did not answer, or its answer was wrong

`WillNeverWork`:
    ApprovalUnknown         there is no such request
"""

from workflows.errors import MayWorkLater, WillNeverWork


class DecisionPending(MayWorkLater):
    """The request is still open: the execution was resumed by somebody who may not do so."""


class IdentityProviderUnavailable(MayWorkLater):
    """The identity provider did not answer, or not as OpenID Connect requires. The message gives the question and the answer."""


class ApprovalUnknown(WillNeverWork):
    """No request for approval has this id."""
