"""``gatehouse inventory``: the devices that are expected, or denied."""

import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gatehouse.cli.acts import DRY, DryRun, Reason, Yes, agree, report
from gatehouse.cli.context import target
from gatehouse.cli.output import Json, console, say, write, write_facts, write_json, write_table
from gatehouse.stack.error_messages import NO, USAGE

if TYPE_CHECKING:
    from gatehouse.inventory.devices import Change

app = typer.Typer(no_args_is_help=True, help="The devices that are expected, or denied.")

EnteredBy = Annotated[str | None, typer.Option(help="Who enters the lines. The AWS identity in use is kept as well.")]

_SHOWN = 20


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and compare; write nothing.")] = False,
    entered_by: EnteredBy = None,
    json: Json = False,
) -> None:
    """Import devices from a CSV file. Nothing is written if any line is wrong. To lift a denial, use `lift`.

    Columns: device, effect (allow or deny), product, site, thing_type, groups (a;b), attributes (k=v;k=v), policy_profile,
    expires_at, note, and one lookup key a line: certificate_sha256, or serial and issuer_key (both hex), or name (common name), best with
    issuer_key: a name without one counts for every CA's devices.

    Example: gatehouse inventory import fleet.csv --dry-run
    """
    from gatehouse.inventory import devices, issuers
    from workflows.admission import inventory_file
    from workflows.approval import identity

    aim = target(context)
    author = identity.entered_by(aim.client("sts").get_caller_identity()["Arn"], entered_by)
    try:
        found = inventory_file.parse(
            file.read_bytes(), profiles=devices.profiles(), entered_by=author, at=datetime.now(UTC)
        )
    except inventory_file.InventoryInvalid as error:
        if not json:
            raise
        write_json({"problems": error.problems})
        raise typer.Exit(USAGE) from error
    with _progress() as bar:
        comparing = bar.add_task("Comparing", total=len(found.records))
        changes = devices.compare(aim, found.records, lambda count: bar.advance(comparing, count))
        left: list[Change] = []
        if not dry_run:
            writing = bar.add_task("Writing", total=sum(change.is_due for change in changes))
            left = devices.write(aim, changes, lambda count: bar.advance(writing, count))
    unbound = issuers.without(aim, found.records)
    _report(changes, left, unbound, dry_run=dry_run, json=json)
    if left:
        raise typer.Exit(NO)


@app.command()
def show(context: typer.Context, device: str, *, json: Json = False) -> None:
    """Show what the inventory says of a device, and the certificate it is bound to.

    Example: gatehouse inventory show pump-0042
    """
    from gatehouse.inventory import devices
    from workflows.admission.inventory import denied_key

    found = devices.show(target(context), device)
    if json:
        write_json(found)
        return
    if any(record.lookup_key == denied_key(device) for record in found.records):
        say(f"{device} is denied, whatever its certificate and its other lines say.")
    for record in found.records:
        write_facts(msgspec.structs.asdict(record))
    if found.binding:
        write_facts(msgspec.structs.asdict(found.binding))


@app.command()
def deny(
    context: typer.Context,
    device: Annotated[str | None, typer.Argument(help="Every line of it, and the certificate it is bound to.")] = None,
    *,
    certificate: Annotated[str | None, typer.Option(help="Only this one: the SHA-256 of its DER.")] = None,
    reason: Reason,
    entered_by: EnteredBy = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Deny a device or one certificate: whatever else the inventory says, it is refused from its next admission on.

    Example: gatehouse inventory deny pump-0042 --reason "Stolen in transit"
    """
    from gatehouse.inventory import denials
    from workflows.approval import identity

    aim = target(context)
    author = identity.entered_by(aim.client("sts").get_caller_identity()["Arn"], entered_by)
    name, changes = denials.denial(aim, device, certificate, reason=reason, entered_by=author, at=datetime.now(UTC))
    if not json and changes:
        write_table(("device", "lookup key", "was"), [_denied(change) for change in changes], empty="")
    if changes and not dry_run:
        agree(f"Deny {name}?", yes=yes)
        denials.deny(aim, name, changes, reason)
    if json:
        write_json({"done": bool(changes) and not dry_run, "device": name, "changes": changes})
        return
    if not changes:
        say(f"{name} is denied already.")
        return
    say(DRY if dry_run else f"{name} is denied.")
    say("A certificate that is admitted already stays ACTIVE: revoke it at its CA, or set it INACTIVE in AWS IoT.")


@app.command()
def lift(
    context: typer.Context,
    device: str,
    *,
    certificate: Annotated[str | None, typer.Option(help="Only this one: the SHA-256 of its DER.")] = None,
    reason: Reason,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Lift the denials of a device: their lines are removed. It is expected again only once its lines are imported again.

    Example: gatehouse inventory lift pump-0042 --reason "Found in the warehouse, ticket 4711" --dry-run
    """
    from gatehouse.evidence import audit_trail
    from gatehouse.inventory import denials

    aim = target(context)
    audit_trail.require_reason(reason)
    lines = denials.liftable(aim, device, certificate)
    if not json:
        write_table(("denial, to be removed", "note"), [(line.lookup_key, line.note) for line in lines], empty="")
    if not dry_run:
        agree(f"Lift the denial of {device}?", yes=yes)
        lines = denials.lift(aim, device, lines, reason)
    said = f"{len(lines)} denials of {device} are lifted. It is held until it is imported again: gatehouse inventory import"
    report(said, dry_run=dry_run, json=json, device=device, lifted=lines)


@app.command()
def retire(
    context: typer.Context,
    device: str,
    *,
    reason: Reason,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Expect a device no longer. Its binding, its denials and its evidence stay; an admitted certificate stays as it is.

    Example: gatehouse inventory retire pump-0042 --reason "Scrapped" --dry-run
    """
    from gatehouse.evidence import audit_trail
    from gatehouse.inventory import denials, devices

    aim = target(context)
    audit_trail.require_reason(reason)
    found = devices.show(aim, device)
    lines = denials.retirable(found)
    if not json:
        write_table(("lookup key, to be removed", "note"), [(line.lookup_key, line.note) for line in lines], empty="")
        write_facts({"bound, which stays": found.binding.bound_certificate_id if found.binding else None})
    if not dry_run:
        agree(f"Retire {device}?", yes=yes)
        lines = denials.retire(aim, found, reason)
    said = f"{len(lines)} lines of {device} are removed. If it knocks anew, it is held."
    report(said, dry_run=dry_run, json=json, device=device, retired=lines, binding=found.binding)


@app.command()
def export(
    context: typer.Context,
    *,
    output: Annotated[Path | None, typer.Option(help="A new file. Default: stdout.")] = None,
    json: Json = False,
) -> None:
    """Export all lines as a CSV file that `import` reads back unchanged. With --json, the records themselves.

    Example: gatehouse inventory export --output fleet.csv
    """
    from gatehouse.inventory import devices
    from workflows.admission import inventory_file

    records = devices.every(target(context))
    if output is not None:
        with output.open("x", encoding="utf-8-sig", newline="") as file:  # the mark tells spreadsheets that it is UTF-8
            file.write(inventory_file.render(records))
        write({"file": str(output), "records": len(records)}, as_json=json)
    elif json:
        write_json(records)
    else:
        sys.stdout.write(inventory_file.render(records))


def _denied(change: "Change") -> tuple[str, str, object]:
    return change.record.device, change.record.lookup_key, change.fields.get("effect", (change.kind,))[0]


def _report(changes: "list[Change]", left: "list[Change]", unbound: int, *, dry_run: bool, json: bool) -> None:
    counts = Counter(change.kind for change in changes)
    expired = sum(1 for change in changes if change.record.expires_at and change.record.expires_at <= datetime.now(UTC))
    if json:
        summary = {kind: counts[kind] for kind in ("new", "changed", "unchanged", "denied")}
        shown = [change for change in changes if change.kind in ("changed", "denied")]
        more = {"expired": expired, "names_without_issuer": unbound, "changed_meanwhile": left}
        write_json({**summary, **more, "written": not dry_run, "changes": shown})
        return
    rows = [
        (change.record.device, change.record.lookup_key, name, old, new)
        for change in changes
        if change.kind == "changed"
        for name, (old, new) in change.fields.items()
    ]
    if rows:
        write_table(("device", "lookup key", "field", "was", "becomes"), rows[:_SHOWN], empty="")
    if len(rows) > _SHOWN:
        say(f"… and {len(rows) - _SHOWN} more changed fields; --json lists them all.")
    say(f"{counts['new']} new, {counts['changed']} changed, {counts['unchanged']} unchanged.")
    if expired:
        say(f"Warning: {expired} of them have expired already and admit nobody.")
    if unbound:
        say(
            f"Warning: {unbound} of them give a name without issuer_key. With several CAs registered their devices are held: "
            "say whose they are (gatehouse ca show has each CA's issuer_key)."
        )
    _tell_lines(
        [change for change in changes if change.kind == "denied"],
        "are denied, and stay so: an import lifts no denial. To lift one: gatehouse inventory lift DEVICE",
    )
    _tell_lines(
        left,
        "were changed by somebody else while this ran, and are left as they are, or their device was denied meanwhile, "
        "and so are they. Import again to compare anew",
    )
    if dry_run:
        say("A dry run: nothing was written.")


def _tell_lines(changes: "list[Change]", what: str) -> None:
    if changes:
        rows = [(change.record.device, change.record.lookup_key) for change in changes[:_SHOWN]]
        write_table(("device", "lookup key"), rows, empty="")
        say(f"{len(changes)} lines {what}.")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console(stderr=True), transient=True)
