"""``gatehouse admissions``: which certificates knocked, and what became of them."""

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

app = typer.Typer(no_args_is_help=True, help="Which certificates knocked, and what became of them.")

Name = Annotated[str, typer.Argument(metavar="DEVICE|CERTIFICATE_ID")]


@app.command("list")
def list_(
    context: typer.Context,
    *,
    outcome: Annotated[Standing | None, typer.Option(help="Only those that ended so, or are open.")] = None,
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
    write_table(columns, rows, empty="No admission fits.")


@app.command()
def show(
    context: typer.Context,
    name: Name,
    *,
    json: Json = False,
) -> None:
    """Show the admission of a certificate id (or its beginning), or the newest of a device or a common name.

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
    outcome: Annotated[Standing | None, typer.Option(help="Only those that are so.")] = None,
    device: Annotated[str | None, typer.Option(help="Only those of this device.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Watch the newest of them, at most this many.")] = 50,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 2.0,
    within: Annotated[float | None, typer.Option("--for", min=0, help="Stop after this many seconds.")] = None,
    json: Json = False,
) -> None:
    """Watch admissions change: the newest first of all, then each that appears or changes. --json writes one object a line.

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
    """Let a failed execution go on from the state where it stopped. Possible for 14 days. Put right first what failed.

    Example: gatehouse admissions redrive pump-0042 --reason "The role may publish again"
    """
    from gatehouse.admission import admissions
    from gatehouse.admission import redrive as redriving
    from gatehouse.evidence import audit_trail

    aim = target(context)
    audit_trail.require_reason(reason)
    found = admissions.show(aim, name)
    redriving.require_failed(aim, found)
    if not json:
        write_facts(_act(found) | {"execution": found.execution_arn, "failed because": found.fault or found.reason})
    if not dry_run:
        agree("Redrive it?", yes=yes)
        redriving.redrive(aim, found.certificate_id, found.execution_arn, reason)
    said = "Sealed, and redriven. Follow it: gatehouse admissions watch"
    report(said, dry_run=dry_run, json=json, admission=found)


@app.command()
def reopen(
    context: typer.Context, name: Name, *, reason: Reason, dry_run: DryRun = False, yes: Yes = False, json: Json = False
) -> None:
    """Let the next knock start anew, now and not only after the cool-down. Put right first why the device was not admitted.

    Example: gatehouse admissions reopen pump-0042 --reason "Entered in the inventory by now"
    """
    from gatehouse.admission import admissions, reopening
    from gatehouse.evidence import audit_trail

    aim = target(context)
    audit_trail.require_reason(reason)
    found = admissions.show(aim, name)
    reopening.require_reopenable(aim, found)
    if not json:
        write_facts(_act(found) | {"would reopen": _reopens(found)})
    if not dry_run:
        agree("Reopen it now?", yes=yes)
        found = reopening.reopen(aim, found, reason)
    said = "Reopened: the device's next knock starts anew."
    if found.outcome == "refused":
        said += " A refused certificate knocks again only once it is deleted in AWS IoT."
    report(said, dry_run=dry_run, json=json, admission=found)


@app.command()
def forget(
    context: typer.Context, name: Name, *, reason: Reason, dry_run: DryRun = False, yes: Yes = False, json: Json = False
) -> None:
    """Forget a certificate that was deleted in AWS IoT, so that it is new if it is registered again. Sealed evidence stays.

    Example: gatehouse admissions forget pump-0042 --reason "Registered under the wrong account"
    """
    from gatehouse.admission import admissions, reopening
    from gatehouse.evidence import audit_trail

    aim = target(context)
    audit_trail.require_reason(reason)
    found = admissions.show(aim, name)
    reopening.require_forgettable(aim, found)
    if not json:
        write_facts(_act(found) | {"evidence, which stays": found.evidence_key})
    if not dry_run:
        agree("Forget it?", yes=yes)
        reopening.forget(aim, found, reason)
    report("Forgotten.", dry_run=dry_run, json=json, admission=found)


def _ended(one: Admission) -> str:
    """The outcome, and whether it is a trial's."""
    return f"{one.outcome} (trial)" if one.trial else one.outcome


def _act(found: Admission) -> dict[str, object]:
    return {
        "certificate": found.certificate_id,
        "device": found.device,
        "subject": found.subject,
        "outcome": found.outcome,
        "why": found.reason,
    }


def _reopens(admission: Admission) -> datetime | str | None:
    """From when a knock may start anew; the last moment of the year 9999 stands for never."""
    if admission.reopen_at is None:
        return None
    moment = datetime.fromtimestamp(admission.reopen_at / 1000, UTC)
    return "never by itself" if moment.year == MAXYEAR else moment
