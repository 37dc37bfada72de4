"""What every command that changes something has: a reason, a dry run, a yes, and an end that says what was done."""

from typing import Annotated

import typer

from gatehouse.cli.output import say, write_json
from gatehouse.errors import AnsweredNo

Reason = Annotated[str, typer.Option(help="Why. It is kept in the audit trail.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

DRY = "A dry run: nothing was changed."


def agree(question: str, *, yes: bool) -> None:
    """Ask on stderr, so that stdout holds the result alone. Raises `AnsweredNo`."""
    if not yes and not typer.confirm(question, err=True):
        raise AnsweredNo("Nothing was changed.")


def report(message: str, *, dry_run: bool, json: bool, **facts: object) -> None:
    """Write the result of an act: `message` for people; for programs, whether it was done and the `facts`."""
    if json:
        write_json({"done": not dry_run, **facts})
    else:
        say(DRY if dry_run else message)
