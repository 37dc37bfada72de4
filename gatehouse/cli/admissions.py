"""``gatehouse admissions``: which certificates knocked, and what became of them."""

from datetime import MAXYEAR, UTC, datetime
from typing import Annotated

import msgspec
import typer

from gatehouse.admissions import Admission, Standing
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
    facts = {**msgspec.structs.asdict(admission), "reopen_at": _reopens(admission)}
    write_facts({**facts, "approval_id": approval, "history": history})


def _reopens(admission: Admission) -> datetime | str | None:
    """From when a knock may start anew; the last moment of the year 9999 stands for never."""
    if admission.reopen_at is None:
        return None
    moment = datetime.fromtimestamp(admission.reopen_at / 1000, UTC)
    return "never by itself" if moment.year == MAXYEAR else moment
