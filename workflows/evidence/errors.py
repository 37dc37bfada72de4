"""What can go wrong with evidence.

Raised where evidence is written:
    EvidenceConflict        another record has this one's key: never retried, an operator must look
    TrailUnavailable        the audit trail cannot be written: the act must not happen

Raised where evidence is read:
    EvidenceInvalid         a file is not what it claims to be; the message names the rule
"""

from workflows.errors import BadInput, MayWorkLater, WillNeverWork


class EvidenceConflict(WillNeverWork):
    """The file under the record's key was not sealed for the same end of the same execution, or not by our key."""


class TrailUnavailable(MayWorkLater):
    """The audit trail cannot be written, so the act must not happen (IEC 62443-4-2 CR 2.10)."""


class EvidenceInvalid(BadInput):
    """Evidence that does not verify. `rule` is the short name of the rule it breaks."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
