"""Errors of the console.

GatehouseError
├── BadInput (workflows)
│   └── NotOurs               an ARN of another state machine
├── DefinitionUnreadable      the definition of a state machine cannot be read
└── RedriveNotAllowed         this console was started read-only
"""

from workflows.errors import BadInput, GatehouseError


class NotOurs(BadInput):
    """The console shows the executions of one stack, and no others of the account."""


class DefinitionUnreadable(GatehouseError):  # noqa: N818
    """The definition that AWS returned cannot be drawn."""


class RedriveNotAllowed(GatehouseError):  # noqa: N818
    """The console was started without --allow-redrive."""
