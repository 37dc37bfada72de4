"""``gatehouse admissions``: which certificates knocked, and what became of them."""

from typing import Annotated

import msgspec
import typer

from gatehouse.admissions import Standing
from gatehouse.cli.context import target
from gatehouse.cli.output import Json, write_facts, write_json, write_table

app = typer.Typer(no_args_is_help=True, help="Which certificates knocked, and what became of them.")


@app.command("list")
def list_(
    context: typer.Context,
    *,
    outcome: Annotated[Standing | None, typer.Option(help="Only those that ended so, or are open.")] = None,
    device: Annotated[str | None, typer.Option(help="Only those of this device.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    json: Json = False,
) -> None:
    """List admissions, the newest first.

    Example: gatehouse admissions list --outcome held
    """
    from gatehouse import admissions

    found = admissions.list_newest(target(context), outcome=outcome, device=device, limit=limit)
    if json:
        write_json(found)
        return
    columns = ("certificate", "device", "outcome", "why", "knocks", "claimed at")
    rows = [
        (found.certificate_id[:16], found.device, found.outcome, found.reason, found.knocks, found.claimed_at)
        for found in found
    ]
    write_table(columns, rows, empty="No admission fits.")


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="DEVICE|CERTIFICATE_ID")],
    *,
    json: Json = False,
) -> None:
    """Show one admission: of a certificate id, of its beginning, or the newest of a device.

    Example: gatehouse admissions show pump-0042
    """
    from gatehouse import admissions

    aim = target(context)
    admission = admissions.show(aim, name)
    approval = admissions.approval_of(aim, admission.certificate_id)
    history = admissions.history_url(aim, admission)
    if json:
        write_json({**msgspec.to_builtins(admission), "approval_id": approval, "history": history})
        return
    write_facts({**msgspec.structs.asdict(admission), "approval_id": approval, "history": history})
