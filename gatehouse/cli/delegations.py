"""``gatehouse approvals delegate`` and what belongs to it: one's right to vote, given to another person until a date."""

from typing import Annotated, Any

import typer

from gatehouse.cli.approvals import As, desk
from gatehouse.cli.output import Json, say, write_facts, write_json, write_table

Answer = dict[str, Any]


def delegate(
    context: typer.Context,
    *,
    group: Annotated[str, typer.Option(help="The group of yours whose vote you give.")],
    to: Annotated[str, typer.Option(help="Who votes for you: e-mail address, user name or subject.")],
    until: Annotated[
        str, typer.Option(help="A day (2027-01-31, at whose beginning it ends) or a time (2027-01-31T18:00:00Z).")
    ],
    reason: Annotated[str, typer.Option(help="Why; everybody can read it.")],
    as_: As = None,
    json: Json = False,
) -> None:
    """Have another person vote for you until a date. Your own vote still counts: whichever of you is first has used it.

    Example: gatehouse approvals delegate --group quality --to kim@example.com --until 2027-01-31 --reason "On holiday"
    """
    from workflows.admission.inventory_cells import moment
    from workflows.errors import BadInput

    try:
        end = moment(until)
    except ValueError as error:
        raise BadInput(f"--until {error}") from error
    answer = desk(context, as_).delegate(group=group, to=to, until=end, reason=reason)
    if json:
        write_json(answer)
        return
    if answer["repeated"]:
        say("You had delegated so already.")
    write_facts(_facts(answer["delegation"]))


def delegations(
    context: typer.Context,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Those that ended as well.")] = False,
    as_: As = None,
    json: Json = False,
) -> None:
    """List who votes for whom, and until when.

    Example: gatehouse approvals delegations --all
    """
    found = desk(context, as_).delegations(everything=all_)
    if json:
        write_json(found)
        return
    columns = ("delegation", "group", "of", "to", "until", "reason", "ended")
    rows = [
        (
            one["delegation_id"],
            one["group"],
            one["delegator_name"],
            one["delegate"],
            one["until"],
            one["reason"],
            one["ended_at"] or ("" if one["stands"] else one["until"]),
        )
        for one in found
    ]
    write_table(columns, rows, empty="Nobody votes for anybody else.")


def end(
    context: typer.Context,
    delegation_id: str,
    *,
    reason: Annotated[str, typer.Option(help="Why; everybody can read it.")],
    as_: As = None,
    json: Json = False,
) -> None:
    """End a delegation before its time: whoever gave it, whoever holds it, or a member of its group.

    Example: gatehouse approvals end 0f3c… --reason "Back from holiday"
    """
    answer = desk(context, as_).end_delegation(delegation_id, reason=reason)
    if json:
        write_json(answer)
        return
    if answer["repeated"]:
        say("It had ended already.")
    write_facts(_facts(answer["delegation"]))


def _facts(delegation: Answer) -> Answer:
    return {
        "delegation": delegation["delegation_id"],
        "group": delegation["group"],
        "of": delegation["delegator_name"],
        "to": delegation["delegate"],
        "until": delegation["until"],
        "reason": delegation["reason"],
        "stands": delegation["stands"],
        **({"ended": delegation["ended_at"], "because": delegation["ended_because"]} if delegation["ended_at"] else {}),
    }
