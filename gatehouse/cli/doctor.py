"""``gatehouse doctor``: is every part there, and does anything wait to be put right?"""

import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from gatehouse.cli.acts import DryRun, Reason, Yes, agree, report
from gatehouse.cli.context import target
from gatehouse.cli.output import Json, say, write_json, write_table, write_text
from gatehouse.doctor.lost_events import LostEvent, Queue
from gatehouse.errors import AnsweredNo
from gatehouse.stack.error_messages import NO
from gatehouse.stack.target import Target
from workflows.errors import BadInput

if TYPE_CHECKING:
    from gatehouse.doctor.trial.links import Link

app = typer.Typer()

WhichQueue = Annotated[Queue, typer.Argument(help="The topic rule's error queue, or the dead letters.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most this many events.")]


Knock = Annotated[
    bool, typer.Option("--knock", help="Let a device of a trial CA connect instead, and remove both afterwards.")
]

WHAT_A_KNOCK_DOES = """\
A CA is made for a few minutes and registered with AWS IoT, with an empty list. One
device of it connects, and the stack must hold it as unknown: nothing can admit a
trial's device. Then CA, certificate and list are removed again. What stays: one
admission with its sealed record, both marked as a trial's, and entries in the
audit trail. It costs some cents, and takes about a minute."""


@app.callback(invoke_without_command=True)
def doctor(context: typer.Context, *, knock: Knock = False, yes: Yes = False, json: Json = False) -> None:
    """Check the stack: every part there, the rule on, lists fresh, queues empty. Exit code 1 if something is wrong.

    With --knock a device really connects (it knocks), and the command names the link of the chain where it got stuck.

    Example: gatehouse doctor

    Example: gatehouse doctor --knock
    """
    if context.invoked_subcommand is not None:
        return
    if knock:
        _knock(target(context), yes=yes, json=json)
        return
    from gatehouse.doctor import checkup

    found = list(checkup.run(target(context), datetime.now(UTC)))
    if json:
        write_json(found)
    else:
        rows = [(check.name, check.state, check.found, check.advice) for check in found]
        write_table(("", "", "what was found", "what to do"), rows, empty="")
    if any(check.state == "wrong" for check in found):
        raise typer.Exit(NO)


def _knock(aim: Target, *, yes: bool, json: bool) -> None:
    from gatehouse.doctor.trial.chain import knock
    from gatehouse.doctor.trial.links import Link

    if "EndTrialsArn" not in aim.outputs:
        raise BadInput(f"The stack {aim.stack} has no output EndTrialsArn, so it knows no trials. Deploy it again.")
    if not yes:
        say(WHAT_A_KNOCK_DOES)
    agree("Knock?", yes=yes)
    links: list[Link] = []

    def tell(link: Link) -> None:
        if link.state != "running":
            links.append(link)
        if not json:
            write_text("\n".join(lines_of(link)))

    try:
        came_through = knock(aim, tell)
    finally:
        if json:
            write_json(links)
    if not came_through or any(link.state == "stuck" for link in links):
        raise typer.Exit(NO)
    if not json:
        say("The knock came through: a device that is expected would go on from here.")


def lines_of(link: "Link") -> list[str]:
    """A link in at most 80 columns: where, how, after how long, what was found, and what to do."""
    if link.state == "running":
        return textwrap.wrap(link.found, 80, initial_indent=" " * 20, subsequent_indent=" " * 20)
    head = f"{link.name:<11} {link.state:<7} "
    said = [f"{link.found} ({link.seconds:g} s)", *([f"What to do: {link.advice}"] if link.advice else [])]
    wrapped = [line for text in said for line in textwrap.wrap(text, 80 - len(head), break_long_words=True)]
    return [(head if number == 0 else " " * len(head)) + line for number, line in enumerate(wrapped)]


@app.command()
def events(context: typer.Context, queue: WhichQueue, *, limit: Limit = 50, json: Json = False) -> None:
    """List events that could not be delivered, with the reason. They stay where they are.

    Example: gatehouse doctor events rule
    """
    from gatehouse.doctor import lost_events

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
    from gatehouse.doctor import lost_events
    from gatehouse.evidence import audit_trail

    aim = target(context)
    audit_trail.require_reason(reason)
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
    write_table(("since", "what", "why it was lost", "redriving hands it to"), rows, empty="The queue is empty.")
