"""What can go wrong on the operator's side, and the exit code that a script gets.

GatehouseError
├── BadInput (workflows)      a file, an argument or a name that cannot be used     exit 2
│   └── NotFound              nothing has that name                                 exit 2
├── AnsweredNo                we asked, and the answer is no                        exit 1
├── Unreachable               AWS, the local cloud or the broker does not answer    exit 3
└── NotPermitted              not signed in, or not allowed                         exit 4
"""

from workflows.errors import BadInput, GatehouseError


class NotFound(BadInput):
    """Nothing has that name. The message says where the command looked."""


class AnsweredNo(GatehouseError):  # noqa: N818 - the name is the finding
    """The question was answered, and the answer is no: too late, decided already, not accepted."""


class Unreachable(GatehouseError):  # noqa: N818
    """AWS, the local cloud or the broker does not answer."""


class NotPermitted(GatehouseError):  # noqa: N818
    """No person is signed in, or the person or AWS identity in use may not do this."""
