"""``gatehouse approvals search`` and ``export``: for auditors, who may read everything and change nothing."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from gatehouse.approval.approvals import Wanted
from gatehouse.cli.approvals import As, desk
from gatehouse.cli.output import Json, say, write_json, write_table
from workflows.errors import BadInput

Status = Literal["pending", "approved", "rejected", "expired", "not_carried_out"]
Device = Annotated[str | None, typer.Option(help="The device's name, exactly.")]
Person = Annotated[
    str | None, typer.Option(help="Who voted, was voted for, or entered the device: name, address or subject.")
]
From = Annotated[str | None, typer.Option("--from", help="Requested on or after this day or time.")]
To = Annotated[str | None, typer.Option("--to", help="Requested before this day or time.")]
Which = Annotated[Status | None, typer.Option("--status", help="The status, or that it could not be carried out.")]


def search(
    context: typer.Context,
    *,
    device: Device = None,
    person: Person = None,
    since: From = None,
    until: To = None,
    status: Which = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
    as_: As = None,
    json: Json = False,
) -> None:
    """Search all approvals. They must match every option that is given. Newest first.

    Example: gatehouse approvals search --person ada@example.com --from 2026-01-01
    """
    wanted = Wanted(device=device, person=person, since=since, until=until, status=status)
    found = desk(context, as_).search(wanted, limit)
    if json:
        write_json(found)
        return
    columns = ("approval", "requested", "status", "delivery", "what")
    rows = [(one["approval_id"], one["requested_at"], one["status"], one["delivery"], one["sentence"]) for one in found]
    write_table(columns, rows, empty="No approval matches.")


def export(
    context: typer.Context,
    *,
    format_: Annotated[
        Literal["csv", "json"], typer.Option("--format", help="JSON also contains the events of each request.")
    ] = "csv",
    output: Annotated[Path | None, typer.Option(dir_okay=False, help="A new file. Default: stdout.")] = None,
    device: Device = None,
    person: Person = None,
    since: From = None,
    until: To = None,
    status: Which = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Write all approvals that match to a file: CSV for spreadsheets, or JSON with signatures and events.

    Example: gatehouse approvals export --format csv --from 2026-01-01 --to 2027-01-01 --output approvals-2026.csv
    """
    wanted = Wanted(device=device, person=person, since=since, until=until, status=status)
    form: Literal["csv", "json"] = "json" if json else format_
    found = desk(context, as_).export(form, wanted)
    if output is None:
        for text in found:
            sys.stdout.write(text)
        return
    if output.exists():
        raise BadInput(f"{output} exists already. Name a new file.")
    unfinished = output.with_name(f"{output.name}.part")  # so that an unfinished export has another name
    encoding = "utf-8-sig" if form == "csv" else "utf-8"  # the byte order mark tells spreadsheets that it is UTF-8
    with unfinished.open("w", encoding=encoding, newline="") as file:
        for text in found:
            file.write(text)
    unfinished.replace(output)
    say(f"Written to {output}.")
