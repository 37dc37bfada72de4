"""``gatehouse rules``: who must agree, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from gatehouse.cli.context import target
from gatehouse.cli.failures import USAGE
from gatehouse.cli.output import Json, say, write_facts, write_json, write_table
from workflows.errors import BadInput

if TYPE_CHECKING:
    from workflows.admission.contracts import DeviceRecord
    from workflows.approval.rules import Case

app = typer.Typer(no_args_is_help=True, help="Who must agree, and why.")

RULES = Path(__file__).resolve().parents[2] / "config" / "approval.toml"
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
    from gatehouse import approvers
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
    ca: Annotated[str, typer.Option(help="The CA certificate's id, for rules that name one.")] = "",
    finding: Annotated[
        list[str] | None, typer.Option(help="Suppose that this is found at the door, as second_certificate.")
    ] = None,
    json: Json = False,
) -> None:
    """Say which rule a device of the inventory would meet, and why not the ones before it.

    Example: gatehouse rules explain pump-0042 --finding second_certificate
    """
    from gatehouse import inventory
    from workflows.admission.contracts import Finding
    from workflows.approval import rules

    known = get_args(Finding)
    for name in finding or ():
        if name not in known:
            raise BadInput(f"--finding is {name!r}; expected one of: {', '.join(known)}.")
    loaded = rules.load(file.read_text(encoding="utf-8"))
    cases = [_case(record, ca, tuple(finding or ())) for record in inventory.show(target(context), device).records]
    found = [(loaded.rule(case), loaded.explain(case)) for case in cases]
    if json:
        write_json([{"ruling": ruling, "steps": steps} for ruling, steps in found])
        return
    for ruling, steps in found:
        needs = [f"{need.count} of {need.group}" for need in ruling.requirements]
        write_facts({"rule": ruling.rule_id, "action": ruling.action, "needs": needs})
        rows = [(step.rule_id, step.decides, step.why_not or "matches") for step in steps]
        write_table(("rule", "decides", "why not"), rows, empty="The file has no rules: every device is held.")


def _case(record: "DeviceRecord", ca: str, findings: tuple[str, ...]) -> "Case":
    from workflows.approval import rules

    kind, *rest = record.lookup_key.split("#")
    return rules.Case(
        ca_certificate_id=ca,
        issuer_key=rest[0] if kind == "serial" else "",
        product=record.product,
        site=record.site,
        attributes=record.attributes,
        policy_profile=record.policy_profile,
        findings=findings,
        device=record.device,
        entered_by=record.entered_by,
    )
