"""What every command that changes something asks for: a reason, a dry-run, and a yes."""

from typing import Annotated

import typer

from gatehouse.errors import AnsweredNo

Reason = Annotated[str, typer.Option(help="Why. It is kept in the audit trail.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

DRY = "A dry run: nothing was changed."


def agree(question: str, *, yes: bool) -> None:
    """Ask on stderr, so that stdout holds the result alone. Raises `AnsweredNo`."""
    if not yes and not typer.confirm(question, err=True):
        raise AnsweredNo("Nothing was changed.")
