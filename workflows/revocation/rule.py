"""The error of a rule of the profile that fails."""


class RuleError(Exception):
    """A rule is broken. ``clause`` names it, e.g. ``RFC 5280 5.2.3`` or ``profile: size``; ``reason`` is for people."""

    def __init__(self, clause: str, reason: str) -> None:
        super().__init__(f"{reason} ({clause})")
        self.clause = clause
        self.reason = reason
