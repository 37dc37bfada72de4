"""``gatehouse policies``: what admitted devices may do."""

from pathlib import Path
from typing import Annotated

import typer

from gatehouse.cli.context import target
from gatehouse.cli.output import Json, say, write_facts, write_json, write_table, write_text
from gatehouse.policies.iot_policies import MOST_COUNTED, Attached
from gatehouse.policies.profiles import Compared
from gatehouse.stack.error_messages import NO, USAGE

app = typer.Typer(no_args_is_help=True, help="What admitted devices may do.")

Name = Annotated[str, typer.Argument(metavar="PROFILE|POLICY", help="A profile, or a policy's name in AWS IoT.")]

_DOCUMENTS = {
    "identical": "as configured",
    "equal": "as configured",
    "changed": "changed in AWS IoT",
    "absent": "not created until a device needs it",
    "unusable": "the profile cannot be used",
}
_EARLIER = {"identical": "earlier, unchanged", "equal": "earlier, unchanged", "changed": "earlier, changed in AWS IoT"}


@app.callback()
def policies() -> None:
    """What admitted devices may do."""


@app.command("list")
def list_(context: typer.Context, *, json: Json = False) -> None:
    """List the profiles with their policies in AWS IoT, and earlier policies. Exit code 1 if one was changed or cannot be used.

    Example: gatehouse policies list
    """
    from gatehouse.policies import profiles as comparing

    found = comparing.compare(target(context))
    if json:
        write_json(found)
    else:
        columns = ("profile", "policy in AWS IoT", "document", "versions", "certificates", "groups", "unused")
        write_table(columns, [_row(one) for one in found], empty="There is no profile in config/policies.")
        _write_findings(found)
        if any(one.can_go for one in found):
            say("To delete an unused policy: aws iot delete-policy --policy-name NAME")
    if any(one.wrong for one in found):
        raise typer.Exit(NO)


@app.command()
def show(
    context: typer.Context,
    name: Name,
    *,
    attached: Annotated[
        bool,
        typer.Option(
            "--attached", help="Count everything that has it, and list the certificates. Slow if there are many."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Show one policy: its versions, what it is attached to, and how its document differs from the configured one.

    Exit codes are those of `list`.

    Example: gatehouse policies show device
    """
    from gatehouse.policies import profiles as comparing

    found = comparing.show(target(context), name, most=None if attached else MOST_COUNTED)
    if json:
        write_json(found)
    else:
        write_facts(_facts(found))
        if found.deployed is not None and found.deployed.attached.certificate_ids is not None:
            rows = [(one,) for one in found.deployed.attached.certificate_ids]
            write_table(("certificate",), rows, empty="No certificate has it.")
        _write_findings([found])
        write_text(comparing.difference(found))
    if found.wrong:
        raise typer.Exit(NO)


@app.command()
def lint(
    files: Annotated[
        list[Path] | None,
        typer.Argument(exists=True, dir_okay=False, readable=True, help="Default: all of config/policies."),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Check policy profiles: form, size, and rights beyond the device's own name. Exit code 2 if one cannot be used.

    Example: gatehouse policies lint config/policies/device.json
    """
    from gatehouse.stack.configuration import PROFILES
    from workflows.admission import policy_lint

    found = [
        policy_lint.lint(file.stem, file.read_text(encoding="utf-8", errors="replace"))
        for file in files or sorted(PROFILES.glob("*.json"))
    ]
    if json:
        write_json(found)
    else:
        rows = [(one.profile, finding.severity, finding.message) for one in found for finding in one.findings]
        columns = ("profile", "policy in AWS IoT", "characters", "")
        checked = [(one.profile, one.name, one.characters, "can be used" if one.usable else "") for one in found]
        write_table(columns, checked, empty="There is no profile in config/policies.")
        if rows:
            write_table(("profile", "", "what was found"), rows, empty="")
        else:
            say("No findings.")
    if not all(one.usable for one in found):
        raise typer.Exit(USAGE)


def _row(one: Compared) -> tuple[object, ...]:
    if one.deployed is None:
        return (one.profile, one.name, _document(one), None, None, None, None)
    attached = one.deployed.attached
    counted = (len(one.deployed.versions), _count(attached), len(attached.groups))
    return (one.profile, one.name, _document(one), *counted, one.can_go if one.standing == "earlier" else None)


def _facts(one: Compared) -> dict[str, object]:
    facts: dict[str, object] = {
        "profile": one.profile,
        "policy in AWS IoT": one.name,
        "standing": one.standing,
        "document": _document(one),
    }
    if one.deployed is None:
        return facts
    versions = [f"{one.id} of {one.created_at:%Y-%m-%d}" if one.created_at else one.id for one in one.deployed.versions]
    attached = one.deployed.attached
    facts |= {
        "version in force": one.deployed.default_version,
        "versions": f"{', '.join(versions)} (AWS IoT keeps at most 5)",
        "certificates": _count(attached),
        "groups": attached.groups,
        "anything else": attached.others,
    }
    return facts | ({"unused": one.can_go} if one.standing == "earlier" else {})


def _document(one: Compared) -> str:
    return (_EARLIER if one.standing == "earlier" else _DOCUMENTS)[one.document]


def _count(attached: Attached) -> str:
    return f"{attached.certificates}" if attached.complete else f"{attached.certificates} or more"


def _write_findings(compared: list[Compared]) -> None:
    rows = [
        (one.name or one.profile, finding.severity, finding.message) for one in compared for finding in one.findings
    ]
    if rows:
        write_table(("policy", "", "what was found"), rows, empty="")
    else:
        say("No findings.")
