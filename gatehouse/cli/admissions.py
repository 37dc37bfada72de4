"""``gatehouse admissions``: which certificates knocked, and the outcome of each."""

from datetime import MAXYEAR, UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from gatehouse.admission.admissions import Admission, Standing
from gatehouse.cli.acts import DryRun, Reason, Yes, agree, report
from gatehouse.cli.context import target
from gatehouse.cli.output import (
    Json,
    console,
    plain,
    styled,
    write_facts,
    write_json,
    write_json_line,
    write_table,
)

app = typer.Typer(no_args_is_help=True, help="Which certificates knocked, and the outcome of each.")

Name = Annotated[str, typer.Argument(metavar="DEVICE|CERTIFICATE_ID")]


@app.command("list")
def list_(
    context: typer.Context,
    *,
    outcome: Annotated[Standing | None, typer.Option(help="Only admissions with this outcome.")] = None,
    device: Annotated[str | None, typer.Option(help="Only those of this device.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first.")] = 50,
    json: Json = False,
) -> None:
    """List admissions, newest first.

    Example: gatehouse admissions list --outcome held
    """
    from gatehouse.admission import admissions

    found = admissions.list_newest(target(context), outcome=outcome, device=device, limit=limit)
    if json:
        write_json(found)
        return
    columns = ("certificate", "device", "outcome", "why", "knocks", "claimed at", "back since")
    rows = [
        (one.certificate_id[:16], one.device, _ended(one), one.reason, one.knocks, one.claimed_at, one.returned_at)
        for one in found
    ]
    write_table(columns, rows, empty="No admission matches.")


@app.command()
def show(
    context: typer.Context,
    name: Name,
    *,
    json: Json = False,
) -> None:
    """Show the admission of a certificate, by its id or the beginning of it; or the newest one of a device or a common name.

    Example: gatehouse admissions show pump-0042
    """
    from gatehouse.admission import admissions

    aim = target(context)
    admission = admissions.show(aim, name)
    approval = admissions.approval_of(aim, admission.certificate_id)
    history = admissions.history_url(aim, admission)
    if json:
        write_json({**msgspec.to_builtins(admission), "approval_id": approval, "history": history})
        return
    facts = {**msgspec.structs.asdict(admission), "reopen_at": _reopens(admission)}
    write_facts({**facts, "approval_id": approval, "history": history})


@app.command()
def watch(
    context: typer.Context,
    *,
    outcome: Annotated[Standing | None, typer.Option(help="Only admissions with this outcome.")] = None,
    device: Annotated[str | None, typer.Option(help="Only those of this device.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Watch at most this many, the newest.")] = 50,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two reads of the table.")] = 2.0,
    within: Annotated[float | None, typer.Option("--for", min=0, help="Stop after this many seconds.")] = None,
    json: Json = False,
) -> None:
    """Watch admissions: print the newest ones, then each that appears or changes. With --json, one object on each line.

    Example: gatehouse admissions watch --outcome open --for 600
    """
    from gatehouse.admission import watching

    for found in watching.changes(
        target(context), outcome=outcome, device=device, limit=limit, every=every, within=within
    ):
        if json:
            write_json_line(found)
        else:
            when = plain(found.closed_at or found.last_seen or found.claimed_at)
            said = (f"{when}  {found.certificate_id[:16]}  {plain(found.device)}  ", styled(_ended(found)))
            console().print(Text.assemble(*said, f"  {plain(found.reason)}"), soft_wrap=True)


@app.command()
def redrive(
    context: typer.Context, name: Name, *, reason: Reason, dry_run: DryRun = False, yes: Yes = False, json: Json = False
) -> None:
    """Continue a failed execution from the state that failed. Possible for 14 days. First correct what made it fail.

    Example: gatehouse admissions redrive pump-0042 --reason "The role may publish again"
    """
    from gatehouse.admission import admissions
    from gatehouse.admission import redrive as redriving
    from gatehouse.evidence import audit_trail

    aim = target(context)
    audit_trail.require_reason(reason)
    admission = admissions.show(aim, name)
    redriving.require_failed(aim, admission)
    if not json:
        write_facts(
            _act(admission)
            | {"execution": admission.execution_arn, "failed because": admission.fault or admission.reason}
        )
    if not dry_run:
        agree("Redrive it?", yes=yes)
        redriving.redrive(aim, admission.certificate_id, admission.execution_arn, reason)
    said = "The execution is redriven, and a record of it is sealed. Follow it: gatehouse admissions watch"
    report(said, dry_run=dry_run, json=json, admission=admission)


@app.command()
def reopen(
    context: typer.Context, name: Name, *, reason: Reason, dry_run: DryRun = False, yes: Yes = False, json: Json = False
) -> None:
    """Let the device's next knock start a new admission now, without the cool-down. First correct why it was not admitted.

    Example: gatehouse admissions reopen pump-0042 --reason "Now in the inventory"
    """
    from gatehouse.admission import admissions, reopening
    from gatehouse.evidence import audit_trail

    aim = target(context)
    audit_trail.require_reason(reason)
    admission = admissions.show(aim, name)
    reopening.require_reopenable(aim, admission)
    if not json:
        write_facts(_act(admission) | {"would reopen": _reopens(admission)})
    if not dry_run:
        agree("Reopen it now?", yes=yes)
        admission = reopening.reopen(aim, admission, reason)
    said = "Reopened: the device's next knock starts a new admission."
    if admission.outcome == "refused":
        said += " A refused certificate can knock again only after you delete it in AWS IoT."
    report(said, dry_run=dry_run, json=json, admission=admission)


@app.command()
def forget(
    context: typer.Context, name: Name, *, reason: Reason, dry_run: DryRun = False, yes: Yes = False, json: Json = False
) -> None:
    """Forget a certificate that was deleted in AWS IoT: if it is registered again, it is new. Sealed evidence stays.

    Example: gatehouse admissions forget pump-0042 --reason "Registered under the wrong account"
    """
    from gatehouse.admission import admissions, reopening
    from gatehouse.evidence import audit_trail

    aim = target(context)
    audit_trail.require_reason(reason)
    admission = admissions.show(aim, name)
    reopening.require_forgettable(aim, admission)
    if not json:
        write_facts(_act(admission) | {"evidence, which stays": admission.evidence_key})
    if not dry_run:
        agree("Forget it?", yes=yes)
        reopening.forget(aim, admission, reason)
    report("Forgotten.", dry_run=dry_run, json=json, admission=admission)


def _ended(one: Admission) -> str:
    """The outcome, marked if the admission belongs to a trial."""
    return f"{one.outcome} (trial)" if one.trial else one.outcome


def _act(admission: Admission) -> dict[str, object]:
    return {
        "certificate": admission.certificate_id,
        "device": admission.device,
        "subject": admission.subject,
        "outcome": admission.outcome,
        "why": admission.reason,
    }


def _reopens(admission: Admission) -> datetime | str | None:
    """From when a knock starts a new admission. The last second of the year 9999 means never."""
    if admission.reopen_at is None:
        return None
    moment = datetime.fromtimestamp(admission.reopen_at / 1000, UTC)
    return "never by itself" if moment.year == MAXYEAR else moment
