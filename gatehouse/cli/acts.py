"""What all commands that change something share: a reason, a dry run, a confirmation, and a report."""

from typing import Annotated

import typer

from gatehouse.cli.output import say, write_json
from gatehouse.errors import AnsweredNo

Reason = Annotated[str, typer.Option(help="Why. It is written to the audit trail.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]

DRY = "A dry run: nothing was changed."


def agree(question: str, *, yes: bool) -> None:
    """Ask for confirmation on stderr, so that stdout has only the result. Raises `AnsweredNo`."""
    if not yes and not typer.confirm(question, err=True):
        raise AnsweredNo("Nothing was changed.")


def report(message: str, *, dry_run: bool, json: bool, **facts: object) -> None:
    """Write the result of an act: `message` for people; for programs, whether it was done and the `facts`."""
    if json:
        write_json({"done": not dry_run, **facts})
    else:
        say(DRY if dry_run else message)
