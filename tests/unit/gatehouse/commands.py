"""Running commands as a user does, and reading what they left in the audit trail."""

import json
from collections.abc import Iterable
from typing import Any

from typer.testing import CliRunner, Result

from gatehouse.cli import app
from gatehouse.stack.target import Target
from tests import audit_trail
from workflows.dynamodb_items import to_item
from workflows.evidence.audit_trail import Entry


def run(*arguments: str, code: int = 0, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(app, list(arguments), input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def answer(*arguments: str, code: int = 0, stdin: str | None = None) -> Any:
    """The command's JSON: stdout holds it and nothing else."""
    return json.loads(run(*arguments, "--json", code=code, stdin=stdin).stdout)


def entries(target: Target, act_type: str) -> list[Entry]:
    """What the trail says of one kind of act, the oldest first."""
    return [one for one in audit_trail.every(target) if one.type == act_type]


def enter(target: Target, table: str, items: Iterable[object]) -> None:
    """Put items into the table that is the stack's output of this name."""
    for item in items:
        target.client("dynamodb").put_item(TableName=target.output(table), Item=to_item(item))


def lose_the_trail(target: Target) -> None:
    """From now on the trail cannot be written."""
    target.__dict__["outputs"]["EvidenceBucket"] = "there-is-none"
