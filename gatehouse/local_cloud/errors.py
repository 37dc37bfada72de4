"""What can go wrong with the local cloud.

LocalCloudError
├── PortTaken          another program uses a port
├── EngineFailed       the engine ended, or was not ready in time
├── NotRunning         no local cloud runs
├── HomeUnusable       the home directory cannot be written, is full, or belongs to another user
└── DeploymentFailed   CloudFormation refused the template
"""

from workflows.errors import GatehouseError


class LocalCloudError(GatehouseError):
    """Root of the local cloud's errors. The message says what was found and what to do."""


class PortTaken(LocalCloudError):  # noqa: N818 - the name is the finding
    """Another program uses a port that the local cloud needs."""


class EngineFailed(LocalCloudError):  # noqa: N818
    """The engine ended or was not ready in time. The message ends with the last lines of its log."""


class NotRunning(LocalCloudError):  # noqa: N818
    """No local cloud is running in this home directory."""


class HomeUnusable(LocalCloudError):  # noqa: N818
    """The home directory cannot be written to, its disk is full, or others may write to it."""


class DeploymentFailed(LocalCloudError):  # noqa: N818
    """CloudFormation refused the template, or a resource of it."""
