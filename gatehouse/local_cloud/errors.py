"""What can go wrong with the local cloud.

LocalCloudError (BadInput's sibling: an operator's situation, not a device's)
├── PortTaken          somebody else listens there
├── EngineFailed       the engine ended, or was not ready in time
├── NotRunning         there is no local cloud to talk to
├── HomeUnusable       its directory cannot be written, is full, or belongs to somebody else
└── DeploymentFailed   the template did not become a stack
"""

from workflows.errors import GatehouseError


class LocalCloudError(GatehouseError):
    """Root of the local cloud's errors. The message says what was found and what to do."""


class PortTaken(LocalCloudError):  # noqa: N818 - the name is the finding
    """A port the local cloud needs is in use by something else."""


class EngineFailed(LocalCloudError):  # noqa: N818
    """The engine ended or was not ready in time. The message ends with the last lines of its log."""


class NotRunning(LocalCloudError):  # noqa: N818
    """No local cloud is running in this home directory."""


class HomeUnusable(LocalCloudError):  # noqa: N818
    """The home directory cannot be written to, its disk is full, or others may write to it."""


class DeploymentFailed(LocalCloudError):  # noqa: N818
    """CloudFormation refused the template, or a resource of it."""
