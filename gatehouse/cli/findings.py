"""``gatehouse findings``: what does not match between tables and fleet, and its repair."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from gatehouse.cli.acts import DryRun, Reason, Yes, agree, report
from gatehouse.cli.context import target
from gatehouse.cli.output import Json, plain, say, write_facts, write_json, write_table
from workflows.reconciliation.findings import Kind

app = typer.Typer(no_args_is_help=True, help="What does not match between tables and fleet, and its repair.")

What = Annotated[Kind, typer.Argument(metavar="KIND", help="The kind, from `gatehouse findings list`.")]
Subject = Annotated[str, typer.Argument(help="The subject, from `gatehouse findings list`.")]


@app.command("list")
def list_(
    context: typer.Context,
    *,
    kind: Annotated[Kind | None, typer.Option(help="Only findings of this kind.")] = None,
    json: Json = False,
) -> None:
    """List what the last rounds found, and the progress of the rounds.

    Example: gatehouse findings list --kind active_without_policy
    """
    from gatehouse.reconciliation import findings

    aim = target(context)
    found, rounds = list(findings.standing(aim, kind)), findings.rounds(aim)
    if json:
        write_json({"findings": found, "rounds": rounds})
        return
    rows = [(one.kind, one.subject, one.device, one.since, one.detail, one.accepted_because) for one in found]
    write_table(("kind", "subject", "device", "since", "what", "accepted"), rows, empty="There are no findings.")
    for one in rounds:
        where = f"at {one.walk}" if one.walk else "done"
        say(f"Round {one.round}, begun {plain(one.round_began)}: {where}.")
    if not rounds:
        say("No round has begun yet: the schedule runs every five minutes.")


@app.command()
def repair(
    context: typer.Context,
    kind: What,
    subject: Subject,
    *,
    reason: Reason,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Repair one finding. It is checked again first; nothing is changed if it is over by now.

    Closing and reopening an admission and unbinding a device are sealed before they are done. The other repairs run on the local cloud
    only: on AWS the command says what it would do, and how to do it with the AWS CLI.

    Example: gatehouse findings repair orphan_thing pump-0042 --reason "Taken out of service" --dry-run
    """
    from gatehouse.evidence import audit_trail
    from gatehouse.reconciliation import findings, repairs

    aim = target(context)
    audit_trail.require_reason(reason)
    found = findings.find(aim, kind, subject)
    planned = repairs.plan(aim, found)
    if not json:
        write_facts({"kind": found.kind, "subject": found.subject, "what": found.detail, "would": planned.does})
    if not dry_run:
        agree("Repair it?", yes=yes)
        repairs.repair(aim, found, planned, reason)
    report("Repaired.", dry_run=dry_run, json=json, does=planned.does, finding=found)


@app.command()
def accept(
    context: typer.Context,
    kind: What,
    subject: Subject,
    *,
    reason: Reason,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Mark a finding as intended: no alarm counts it any more. It stays in the list with the reason.

    Example: gatehouse findings accept active_without_decision CERTIFICATE_ID --reason "Admitted before Gatehouse"
    """
    from gatehouse.evidence import audit_trail
    from gatehouse.reconciliation import findings

    aim = target(context)
    audit_trail.require_reason(reason)
    found = findings.find(aim, kind, subject)
    if not json:
        write_facts({"kind": found.kind, "subject": found.subject, "what": found.detail})
    if not dry_run:
        agree("Accept it?", yes=yes)
        findings.accept(aim, found, reason, datetime.now(UTC))
    report("Accepted.", dry_run=dry_run, json=json, finding=found)
