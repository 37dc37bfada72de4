"""The root of every error that Gatehouse raises on purpose.

    GatehouseError
    ├── MayWorkLater      an outage or throttling: retried; then the execution fails at this state, to be redriven
    │   ├── AwsUnavailable    throttled, timed out, or 5xx
    │   └── AccessRefused     a permission is missing: not retried; an operator adds it and redrives
    ├── WillNeverWork     AWS or the data forbid it: caught by name and rolled back
    └── BadInput          the input cannot be used: the message says what was got, what was expected and what to do

A *no* (a revoked certificate, a denied device, a rejection) is not an error: it is a result with a type of its own.
The processes define the concrete errors in ``workflows/<process>/errors.py``; the state machine names them by class name.
"""


class GatehouseError(Exception):
    """Root of Gatehouse's own errors."""


class MayWorkLater(GatehouseError):  # noqa: N818 - AWS's console shows this name in Retry, so it says what to do
    """A fault after which another try or a redrive may succeed."""


class AwsUnavailable(MayWorkLater):
    """AWS throttled the call, timed out, or failed on its side."""


class AccessRefused(MayWorkLater):
    """The function's role may not make this call. An operator corrects the role and redrives."""


class WillNeverWork(GatehouseError):  # noqa: N818
    """A fault after which no further try can succeed."""


class BadInput(GatehouseError):  # noqa: N818
    """Input that cannot be used. The message says what was got, what was expected, and what to do."""
