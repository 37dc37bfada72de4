"""What can go wrong around a request for approval. A refused vote is not among these: it is a result (`votes.Refused`).

`MayWorkLater`:
    DecisionPending         the execution was resumed and nothing is decided yet: it goes back to waiting
    ApprovalContended       too many people and functions wrote to one request at the same instant

`WillNeverWork`:
    ApprovalUnknown         there is no such request
"""

from workflows.errors import MayWorkLater, WillNeverWork


class DecisionPending(MayWorkLater):
    """The request is still open: whoever resumed the execution was not the one who may."""


class ApprovalContended(MayWorkLater):
    """Others kept changing the request between reading and writing it; nothing was written."""


class ApprovalUnknown(WillNeverWork):
    """No request for approval has this id."""
