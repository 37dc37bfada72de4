"""What can go wrong in the console only.

GatehouseError
├── BadInput (workflows)
│   └── NotOurs               an ARN of another state machine
├── DefinitionUnreadable      a state machine's definition is not what it should be
└── RedriveNotAllowed         this console was started read-only
"""

from workflows.errors import BadInput, GatehouseError


class NotOurs(BadInput):
    """The console shows one stack: other executions of the account are none of its business."""


class DefinitionUnreadable(GatehouseError):  # noqa: N818
    """The definition that AWS answered cannot be drawn."""


class RedriveNotAllowed(GatehouseError):  # noqa: N818
    """The console was started without leave to redrive."""
