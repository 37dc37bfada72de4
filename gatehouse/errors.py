"""What can go wrong on the operator's side, and what a script is told of it.

GatehouseError
├── BadInput (workflows)      a file, an argument or a name that cannot be used     exit 2
│   └── NotFound              there is nothing of that name                         exit 2
├── AnsweredNo                we asked, and the answer is no                        exit 1
├── Unreachable               AWS, the local cloud or the broker does not answer    exit 3
└── NotPermitted              not signed in, or not allowed to                      exit 4
"""

from workflows.errors import BadInput, GatehouseError


class NotFound(BadInput):
    """There is nothing of that name. The message says where it was looked for."""


class AnsweredNo(GatehouseError):  # noqa: N818 - the name is the finding
    """The question was answered, and the answer is no: too late, decided already, not accepted."""


class Unreachable(GatehouseError):  # noqa: N818
    """What the command talks to does not answer."""


class NotPermitted(GatehouseError):  # noqa: N818
    """Nobody is signed in, or whoever is may not do this."""
