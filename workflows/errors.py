"""The root of every error that Gatehouse raises on purpose.

    GatehouseError
    ├── MayWorkLater      an outage or throttling: retried, then left to fail where it stands, to be redriven
    │   ├── AwsUnavailable    throttled, timed out, or 5xx
    │   └── AccessRefused     a permission is missing: not retried, since only an operator can help; redrive afterwards
    ├── WillNeverWork     AWS or the data rules it out: caught by name and rolled back
    └── BadInput          somebody gave us something we cannot read: says what was got, expected, and what to do

A *no* (a revoked certificate, a denied device, a rejection) is none of these: it is a result with a type of its own.
The processes define the concrete errors in ``workflows/<process>/errors.py``; the state machine names them by class name.
"""


class GatehouseError(Exception):
    """Root of Gatehouse's own errors."""


class MayWorkLater(GatehouseError):  # noqa: N818 - the name is read in the console's Retry and must say what to do
    """A fault that another try, or a redrive, may get past."""


class AwsUnavailable(MayWorkLater):
    """AWS throttled the call, timed out, or failed on its side."""


class AccessRefused(MayWorkLater):
    """The function's role may not make this call. An operator mends the role and redrives."""


class WillNeverWork(GatehouseError):  # noqa: N818
    """A fault that no further try can get past."""


class BadInput(GatehouseError):  # noqa: N818
    """Input that cannot be used. The message says what was got, what was expected, and what to do."""
