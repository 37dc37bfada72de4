"""``gatehouse approvals delegate``, ``delegations`` and ``end``: another person votes for a member of a group until a date."""

from typing import Annotated, Any

import typer

from gatehouse.cli.approvals import As, desk
from gatehouse.cli.output import Json, say, write_facts, write_json, write_table

Answer = dict[str, Any]


def delegate(
    context: typer.Context,
    *,
    group: Annotated[str, typer.Option(help="Your group, for which the other person votes.")],
    to: Annotated[str, typer.Option(help="The person who votes for you: e-mail address, user name or subject.")],
    until: Annotated[
        str, typer.Option(help="A day (2027-01-31: it ends when that day begins) or a time (2027-01-31T18:00:00Z).")
    ],
    reason: Annotated[str, typer.Option(help="Why. Everybody can read it.")],
    as_: As = None,
    json: Json = False,
) -> None:
    """Let another person vote for you until a date. You may still vote yourself: the first vote of the two counts.

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
        say("You have given this delegation before.")
    write_facts(_facts(answer["delegation"]))


def delegations(
    context: typer.Context,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    as_: As = None,
    json: Json = False,
) -> None:
    """List the delegations: who votes for whom, and until when.

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
    write_table(columns, rows, empty="There are no delegations.")


def end(
    context: typer.Context,
    delegation_id: str,
    *,
    reason: Annotated[str, typer.Option(help="Why. Everybody can read it.")],
    as_: As = None,
    json: Json = False,
) -> None:
    """End a delegation early. The two people and every member of the group may do so.

    Example: gatehouse approvals end 0f3c… --reason "Back from holiday"
    """
    answer = desk(context, as_).end_delegation(delegation_id, reason=reason)
    if json:
        write_json(answer)
        return
    if answer["repeated"]:
        say("It had ended before.")
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
