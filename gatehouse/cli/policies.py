"""``gatehouse policies``: what admitted devices may do."""

from pathlib import Path
from typing import Annotated

import typer

from gatehouse.cli.failures import USAGE
from gatehouse.cli.output import Json, say, write_json, write_table

app = typer.Typer(no_args_is_help=True, help="What admitted devices may do.")


@app.callback()
def policies() -> None:
    """What admitted devices may do."""


@app.command()
def lint(
    files: Annotated[
        list[Path] | None,
        typer.Argument(exists=True, dir_okay=False, readable=True, help="Default: all of config/policies."),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Check policy profiles: form, size, grants beyond the device's own name. Exit code 2 if one cannot be used.

    Example: gatehouse policies lint config/policies/device.json
    """
    from gatehouse.inventory import PROFILES
    from workflows.admission import policy_lint

    found = [
        policy_lint.lint(file.stem, file.read_text(encoding="utf-8", errors="replace"))
        for file in files or sorted(PROFILES.glob("*.json"))
    ]
    if json:
        write_json(found)
    else:
        rows = [(one.profile, finding.severity, finding.message) for one in found for finding in one.findings]
        columns = ("profile", "policy in AWS IoT", "characters", "")
        checked = [(one.profile, one.name, one.characters, "can be used" if one.usable else "") for one in found]
        write_table(columns, checked, empty="There is no profile in config/policies.")
        if rows:
            write_table(("profile", "", "what was found"), rows, empty="")
        else:
            say("All in order.")
    if not all(one.usable for one in found):
        raise typer.Exit(USAGE)
