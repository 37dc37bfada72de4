"""Turns every expected error of a command into one message on stderr and one exit code, without a traceback."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from typer import Context, Exit
from typer.core import TyperGroup

from gatehouse.cli.output import console, plain
from gatehouse.stack.error_messages import explain
from workflows.errors import GatehouseError


class ExpectedErrors(TyperGroup):
    """The root of the commands. Expected errors become a message and an exit code."""

    def invoke(self, ctx: Context) -> Any:  # type: ignore[override]
        """Run the command. Raises typer's Exit with the exit code."""
        try:
            return super().invoke(ctx)
        except (GatehouseError, ClientError, BotoCoreError, OSError) as error:
            message, code = explain(error)
            if code is None:
                raise
            console(stderr=True).print("[bold red]Error:[/] ", end="")
            console(stderr=True).print("\n".join(plain(line) for line in message.splitlines()), markup=False)
            raise Exit(code) from error
