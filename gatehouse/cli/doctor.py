"""``gatehouse doctor``: is everything there, and is anything lying about."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from gatehouse.cli.acts import DryRun, Reason, Yes, agree, report
from gatehouse.cli.context import target
from gatehouse.cli.output import Json, say, write_json, write_table
from gatehouse.errors import AnsweredNo
from gatehouse.foreseen import NO
from gatehouse.lost_events import LostEvent, Queue

app = typer.Typer()

WhichQueue = Annotated[Queue, typer.Argument(help="The topic rule's error queue, or the dead letters.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]


@app.callback(invoke_without_command=True)
def doctor(context: typer.Context, *, json: Json = False) -> None:
    """Check the stack: every part there, the rule on, lists fresh, queues empty. Exit code 1 if something is wrong.

    Example: gatehouse doctor
    """
    if context.invoked_subcommand is not None:
        return
    from gatehouse import checkup

    found = list(checkup.run(target(context), datetime.now(UTC)))
    if json:
        write_json(found)
    else:
        rows = [(check.name, check.state, check.found, check.advice) for check in found]
        write_table(("", "", "what was found", "what to do"), rows, empty="")
    if any(check.state == "wrong" for check in found):
        raise typer.Exit(NO)


@app.command()
def events(context: typer.Context, queue: WhichQueue, *, limit: Limit = 50, json: Json = False) -> None:
    """List events that could not be delivered, with the reason. They stay where they are.

    Example: gatehouse doctor events rule
    """
    from gatehouse import lost_events

    aim = target(context)
    found = lost_events.look(aim, queue, limit=limit)
    lost_events.give_back(aim, found)
    _write(found, json=json)


@app.command()
def redrive(
    context: typer.Context,
    queue: WhichQueue,
    *,
    reason: Reason,
    limit: Limit = 50,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Deliver lost events once more. Put the cause right first. What fails again stays; exit code 1 then.

    Example: gatehouse doctor redrive rule --reason "The quota was raised" --dry-run
    """
    from gatehouse import lost_events, trail

    aim = target(context)
    trail.require_reason(reason)
    found = lost_events.look(aim, queue, limit=limit)
    left, failed, delivered = list(found), 0, 0
    try:
        if not json:
            _write(found, json=False)
        due = [event for event in found if event.goes_to is not None]
        if due and not dry_run:
            agree(f"Redrive {len(due)} of {len(found)}?", yes=yes)
            for event in due:
                try:
                    lost_events.redrive(aim, event, reason)
                except AnsweredNo as error:
                    failed += 1
                    say(str(error))
                    continue
                left.remove(event)
                delivered += 1
    finally:
        lost_events.give_back(aim, left)
    said = f"{delivered} redriven, {len(left)} left."
    report(said, dry_run=dry_run, json=json, redriven=delivered, failed=failed, left=len(left))
    if failed:
        raise typer.Exit(NO)


def _write(found: list[LostEvent], *, json: bool) -> None:
    if json:
        write_json(found)
        return
    rows = [(one.since, one.what, one.error, one.problem or one.goes_to) for one in found]
    write_table(("since", "what", "why it was lost", "redriving hands it to"), rows, empty="Nothing lies there.")
