"""``gatehouse rules``: who must agree, and what would be decided."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from gatehouse.cli.context import Aim, target
from gatehouse.cli.output import Json, say, write_facts, write_json, write_table
from gatehouse.stack import configuration
from gatehouse.stack.configuration import RULES
from gatehouse.stack.error_messages import USAGE
from workflows.errors import BadInput

if TYPE_CHECKING:
    from gatehouse.admission.explanation import Ca, Door, Explanation, Source, Verdicts
    from gatehouse.stack.target import Target
    from workflows.approval.rules import Rules

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
    """Check a rules file: its syntax, and rules that can never match or never be fulfilled. Exit code 2 if it cannot be used.

    Example: gatehouse rules check
    """
    from gatehouse.approval import approvers
    from workflows.approval import rules

    text = file.read_text(encoding="utf-8")
    problems = rules.check(text, approvers.count(target(context)) if groups else None)
    if json:
        write_json({"problems": problems})
    elif not problems:
        say(f"{file}: no problems.")
    else:
        rows = [(problem.severity, problem.line, problem.rule_id, problem.message) for problem in problems]
        write_table(("", "line", "rule", "problem"), rows, empty="")
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(USAGE)


@app.command()
def explain(
    context: typer.Context,
    device: Annotated[str | None, typer.Argument(help="A device's name, as the inventory has it.")] = None,
    *,
    certificate: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, readable=True, help="The device's certificate, PEM or DER."),
    ] = None,
    file: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, readable=True, show_default="config/approval.toml")
    ] = RULES,
    inventory_: Annotated[
        Path | None,
        typer.Option("--inventory", exists=True, dir_okay=False, readable=True, help="Use this file, and no stack."),
    ] = None,
    ca: Annotated[str, typer.Option(help="The CA: the file of its certificate, or its id in AWS IoT.")] = "",
    list_: Annotated[
        list[Path] | None,
        typer.Option(
            "--list",
            exists=True,
            dir_okay=False,
            readable=True,
            help="With --inventory: a revocation list of the CA. May be repeated.",
        ),
    ] = None,
    finding: Annotated[
        list[str] | None, typer.Option(help="Assume this finding, for example second_certificate.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="The time to decide for, for example 2027-01-31T18:00:00Z. Default: now.")
    ] = None,
    json: Json = False,
) -> None:
    """Say what would be decided about a device or a certificate, and why. Changes nothing.

    It runs the checks of the states: for a certificate the inspection, the revocation check, the inventory and the rules; for a device's
    name the inventory and the rules. A device that is not in the inventory is explained as one that is not expected.

    Example: gatehouse rules explain --certificate device.pem --ca ca.pem --list ca.crl --inventory fleet.csv
    """
    from gatehouse.admission import explanation
    from gatehouse.cli.crl import moment
    from workflows.approval import rules

    if (device is None) == (certificate is None):
        raise BadInput("Give the name of a device, or --certificate with its file.")
    loaded = rules.load(file.read_text(encoding="utf-8"))
    door = explanation.Door(loaded, configuration.limits(), moment(at), _supposed(finding))
    source = _source(context, inventory_, ca, list_ or [], door)
    if certificate is not None:
        explained = [explanation.of_certificate(certificate.read_bytes(), source, door)]
    else:
        explained = explanation.of_device(device or "", source, door)
    _note(explained, source, device, inventory_)
    if json:
        write_json(explanation.together(explained))
        return
    for one in explained:
        _tell(one, loaded)


def _supposed(findings: list[str] | None) -> tuple[str, ...]:
    from workflows.admission.contracts import Finding

    known = get_args(Finding)
    for name in findings or ():
        if name not in known:
            raise BadInput(f"--finding is {name!r}; expected one of: {', '.join(known)}.")
    return tuple(findings or ())


def _source(context: typer.Context, inventory: Path | None, ca: str, lists: list[Path], door: "Door") -> "Source":
    from gatehouse.admission.explanation_sources import Files, Stack
    from gatehouse.revocation.lists import to_der

    if inventory is None:
        if lists:
            raise BadInput("--list is for use without a stack. Give --inventory too, or leave out --list.")
        return Stack(_aim(context), _ca(ca))
    return Files(inventory.read_bytes(), _ca(ca), [to_der(one.read_bytes()) for one in lists], door.at)


def _ca(given: str) -> "Ca":
    from gatehouse.admission.explanation import Ca
    from gatehouse.revocation import authorities
    from workflows.admission.facts import issuer_key
    from workflows.admission.issuers import fingerprint

    if not given or (_ID.fullmatch(given) and not Path(given).exists()):
        return Ca(given)
    certificate = authorities.read_certificate(Path(given).read_bytes(), given)
    return Ca(fingerprint(certificate), issuer_key(certificate), certificate)


_ID = re.compile("[0-9a-f]{64}")


def _note(explained: "list[Explanation]", source: "Source", device: str | None, inventory: Path | None) -> None:
    """Say what the result is based on, if it could surprise the reader."""
    found = explained[0].found
    if inventory is not None and found is not None:
        say(
            "A file does not say what a device is bound to, or which other CAs are registered. "
            "Assume it with --finding second_certificate or --finding name_without_issuer."
        )
    if device is not None and explained[0].found_by is None:
        say(
            f"{device} is not in {inventory or 'the inventory'}: this is what would be decided about a device that is not expected."
        )
    elif device is not None and (binding := source.inventory.standing(device)[0]) is not None:
        say(
            f"{device} is bound to certificate {binding.bound_certificate_id}: this is what would be decided about another one."
        )


def _tell(one: "Explanation", loaded: "Rules") -> None:
    from gatehouse.admission.explanation import case

    verdicts, found = one.verdicts, one.found
    parts = (("inspection", verdicts.inspection), ("revocation", verdicts.revocation))
    facts: dict[str, object] = {"found by": one.found_by} if one.found_by else {}
    facts |= {name: f"{part.status}: {part.reason}" for name, part in parts if part is not None}
    if verdicts.decision is not None and found is not None:
        needs = [f"{need.count} of {need.group}" for need in found.ruling.requirements] if found.ruling else []
        facts |= {
            "decision": f"{verdicts.decision.action}: {verdicts.decision.reason}",
            "rule": verdicts.decision.rule or "the rules are not asked",
            "needs": needs,
            "findings": found.findings,
        }
    write_facts(facts)
    say(_outcome(verdicts))
    if (asked := case(one)) is not None:
        rows = [(step.rule_id, step.decides, step.why_not or "matches") for step in loaded.explain(asked)]
        write_table(("rule", "decides", "why not"), rows, empty="The file has no rules: every device is held.")


def _outcome(verdicts: "Verdicts") -> str:
    """Returns the outcome that the admission would have."""
    if verdicts.decision is not None:
        return _OUTCOMES[verdicts.decision.action]
    if verdicts.revocation is not None:
        return _OUTCOMES["refuse" if verdicts.revocation.status == "revoked" else "hold"]
    return _OUTCOMES["refuse"]


_OUTCOMES = {
    "auto": "The device would be admitted, and nobody would be asked.",
    "people": "People would be asked, and the device would be admitted if they agree.",
    "hold": "The device would be held: its certificate stays pending, and it may try again later.",
    "refuse": "The device would be refused: its certificate would be deactivated, or revoked if a list revokes it.",
}


def _aim(context: typer.Context) -> "Target":
    """Returns the stack that the options name. Without options, it is the local cloud if one runs here: the command changes nothing."""
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
