"""``gatehouse doctor``: checks the parts of the stack, runs trials, and delivers lost events again."""

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

WhichQueue = Annotated[Queue, typer.Argument(help="The topic rule's error queue, or the dead-letter queue.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most this many events.")]

Trial = Annotated[
    bool, typer.Option("--knock", help="Run a trial instead: let a device of a trial CA connect, then remove both.")
]

WHAT_A_TRIAL_DOES = """\
A CA is made for a few minutes and registered with AWS IoT, with an empty list. One
device of it connects, and the stack must hold it as unknown: nothing can admit a
trial's device. Then CA, certificate and list are removed again. What stays: one
admission with its sealed record, both marked as a trial's, and entries in the
audit trail. It costs some cents, and takes about a minute."""


@app.callback(invoke_without_command=True)
def doctor(context: typer.Context, *, knock: Trial = False, yes: Yes = False, json: Json = False) -> None:
    """Check the stack: resources, topic rule, revocation lists, queues. Exit code 1 if something is wrong.

    With --knock it runs a trial: a device really connects (it knocks), and the command names the link of the chain where it got stuck.

    Example: gatehouse doctor

    Example: gatehouse doctor --knock
    """
    if context.invoked_subcommand is not None:
        return
    if knock:
        _run_trial(target(context), yes=yes, json=json)
        return
    from gatehouse.doctor import checkup

    found = list(checkup.run(target(context), datetime.now(UTC)))
    if json:
        write_json(found)
    else:
        rows = [(check.name, check.state, check.result, check.advice) for check in found]
        write_table(("", "", "what was found", "what to do"), rows, empty="")
    if any(check.state == "wrong" for check in found):
        raise typer.Exit(NO)


def _run_trial(aim: Target, *, yes: bool, json: bool) -> None:
    from gatehouse.doctor.trial.chain import run_trial
    from gatehouse.doctor.trial.links import Link

    if "EndTrialsArn" not in aim.outputs:
        raise BadInput(f"The stack {aim.stack} has no output EndTrialsArn, so it cannot run trials. Deploy it again.")
    if not yes:
        say(WHAT_A_TRIAL_DOES)
    agree("Run the trial?", yes=yes)
    links: list[Link] = []

    def show(link: Link) -> None:
        if link.state != "running":
            links.append(link)
        if not json:
            write_text("\n".join(lines_of(link)))

    try:
        passed = run_trial(aim, show)
    finally:
        if json:
            write_json(links)
    if not passed or any(link.state == "stuck" for link in links):
        raise typer.Exit(NO)
    if not json:
        say("The trial passed. An expected device would continue from here.")


def lines_of(link: "Link") -> list[str]:
    """A link in lines of at most 80 columns: name, state, result, time taken, and what to do."""
    if link.state == "running":
        return textwrap.wrap(link.result, 80, initial_indent=" " * 20, subsequent_indent=" " * 20)
    head = f"{link.name:<11} {link.state:<7} "
    said = [f"{link.result} ({link.seconds:g} s)", *([f"What to do: {link.advice}"] if link.advice else [])]
    wrapped = [line for text in said for line in textwrap.wrap(text, 80 - len(head), break_long_words=True)]
    return [(head if number == 0 else " " * len(head)) + line for number, line in enumerate(wrapped)]


@app.command()
def events(context: typer.Context, queue: WhichQueue, *, limit: Limit = 50, json: Json = False) -> None:
    """List events that could not be delivered, with the reason. They stay in the queue.

    Example: gatehouse doctor events rule
    """
    from gatehouse.doctor import lost_events

    aim = target(context)
    found = lost_events.look(aim, queue, limit=limit)
    lost_events.give_back(aim, found)
    _write_events(found, json=json)


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
    """Deliver lost events again. First correct the cause. Events that fail again stay in the queue; then the exit code is 1.

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
            _write_events(found, json=False)
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


def _write_events(lost: list[LostEvent], *, json: bool) -> None:
    if json:
        write_json(lost)
        return
    rows = [(one.since, one.what, one.error, one.problem or one.goes_to) for one in lost]
    write_table(("since", "what", "why it was lost", "redriving sends it to"), rows, empty="The queue is empty.")
