"""``gatehouse rules``: who must agree, and why."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from gatehouse.cli.context import Aim, target
from gatehouse.cli.output import Json, say, write_facts, write_json, write_table
from gatehouse.stack.configuration import RULES
from gatehouse.stack.error_messages import USAGE
from workflows.errors import BadInput

if TYPE_CHECKING:
    from gatehouse.stack.target import Target
    from workflows.admission.contracts import DeviceRecord

app = typer.Typer(no_args_is_help=True, help="Who must agree, and why.")

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, show_default="config/approval.toml")]


@app.command()
def check(
    context: typer.Context,
    file: File = RULES,
    *,
    groups: Annotated[
        bool, typer.Option("--groups", help="Also check that the stack's groups have enough people.")
    ] = False,
    json: Json = False,
) -> None:
    """Check a rules file: its syntax, and rules that can never match or never be met. Exit code 2 if it cannot be used.

    Example: gatehouse rules check
    """
    from gatehouse.approval import approvers
    from workflows.approval import rules

    text = file.read_text(encoding="utf-8")
    problems = rules.check(text, approvers.count(target(context)) if groups else None)
    if json:
        write_json({"problems": problems})
    elif not problems:
        say(f"{file}: in order.")
    else:
        rows = [(problem.severity, problem.line, problem.rule_id, problem.message) for problem in problems]
        write_table(("", "line", "rule", "problem"), rows, empty="")
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(USAGE)


@app.command()
def explain(
    context: typer.Context,
    device: str,
    *,
    file: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, readable=True, show_default="config/approval.toml")
    ] = RULES,
    inventory_: Annotated[
        Path | None,
        typer.Option("--inventory", exists=True, dir_okay=False, readable=True, help="Ask this file, and no stack."),
    ] = None,
    ca: Annotated[str, typer.Option(help="The CA certificate's id, for rules that name one.")] = "",
    finding: Annotated[
        list[str] | None, typer.Option(help="Suppose that this is found at the door, as second_certificate.")
    ] = None,
    json: Json = False,
) -> None:
    """Say which rule a device would meet, and why not the ones before it. A device in no inventory is explained as such.

    Example: gatehouse rules explain pump-0042 --inventory fleet.csv --finding second_certificate
    """
    from gatehouse.inventory.explaining import cases
    from workflows.admission.contracts import Finding
    from workflows.approval import rules

    known = get_args(Finding)
    for name in finding or ():
        if name not in known:
            raise BadInput(f"--finding is {name!r}; expected one of: {', '.join(known)}.")
    loaded = rules.load(file.read_text(encoding="utf-8"))
    records = _in_file(inventory_, device) if inventory_ else _in_stack(context, device)
    found = [(loaded.rule(case), loaded.explain(case)) for case in cases(device, records, ca, tuple(finding or ()))]
    if json:
        write_json([{"ruling": ruling, "steps": steps} for ruling, steps in found])
        return
    for ruling, steps in found:
        needs = [f"{need.count} of {need.group}" for need in ruling.requirements]
        write_facts({"rule": ruling.rule_id, "action": ruling.action, "needs": needs})
        rows = [(step.rule_id, step.decides, step.why_not or "matches") for step in steps]
        write_table(("rule", "decides", "why not"), rows, empty="The file has no rules: every device is held.")


def _in_file(file: Path, device: str) -> "tuple[DeviceRecord, ...]":
    from gatehouse.inventory import devices
    from workflows.admission import inventory_file

    found = inventory_file.parse(
        file.read_bytes(), profiles=devices.profiles(), entered_by="nobody yet", at=datetime.now(UTC)
    )
    return _told(device, tuple(record for record in found.records if record.device == device), str(file))


def _in_stack(context: typer.Context, device: str) -> "tuple[DeviceRecord, ...]":
    from gatehouse.errors import NotFound
    from gatehouse.inventory import devices
    from workflows.admission.inventory import denied_key

    try:
        found = devices.show(_aim(context), device)
    except NotFound:
        return _told(device, (), "the inventory")
    if found.binding is not None:
        say(f"{device} is bound to a certificate: another one would be found as second_certificate (--finding).")
    mark = denied_key(device)
    if any(record.lookup_key == mark for record in found.records):
        say(f"{device} is denied: it is refused, whatever the rules say.")
    lines = tuple(record for record in found.records if record.lookup_key != mark)
    return _told(device, lines, "the inventory")


def _told(device: str, records: "tuple[DeviceRecord, ...]", where: str) -> "tuple[DeviceRecord, ...]":
    if not records:
        say(f"{device} is not in {where}: this is what a device meets that nobody expects.")
    return records


def _aim(context: typer.Context) -> "Target":
    """The stack that is aimed at. If nothing is said, and a local cloud runs here, that one: a question changes nothing."""
    import os

    from gatehouse.local_cloud.cloud import LocalCloud
    from gatehouse.stack.target import Target

    aim: Aim = context.find_root().obj
    if aim.local is None and "GATEHOUSE_TARGET" not in os.environ and not (aim.region or aim.profile):
        status = LocalCloud().status()
        if status.running:
            say(f"Asking the local cloud in {status.home}. For a stack on AWS: gatehouse --aws rules explain …")
            return Target(status.stack, status)
    return target(context)
