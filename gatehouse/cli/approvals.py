"""``gatehouse approvals``: what waits for people, and their decisions, signed with their own sign-in."""

from typing import Annotated, Any, Literal

import typer

from gatehouse.approval.approvals import Answer, Approvals, Signing, Tab
from gatehouse.cli import sign_in
from gatehouse.cli.context import target
from gatehouse.cli.output import Json, say, write_facts, write_json, write_table
from gatehouse.stack.error_messages import NO
from workflows.errors import BadInput

app = typer.Typer(no_args_is_help=True, help="What waits for people, and what they decided.")
app.add_typer(sign_in.app)

As = Annotated[str | None, typer.Option("--as", help="Who acts, if several people are signed in.")]
Reason = Annotated[str, typer.Option(help="Why; some rules ask for it.")]
Basis = Annotated[str | None, typer.Option(help="The evidence hash you looked at. Default: the one that is there now.")]
For = Annotated[
    str | None, typer.Option("--delegation", help="Vote for another person: the delegation's id, as `show` names it.")
]
Several = Annotated[list[str], typer.Argument(metavar="APPROVAL_ID...", help="One, or several that are alike.")]
Meaning = Annotated[Literal["approval", "responsibility"], typer.Option(help="What your signature means.")]


@app.command("list")
def list_(
    context: typer.Context,
    *,
    tab: Annotated[Tab, typer.Option(help="Which list.")] = "mine",
    limit: Annotated[int, typer.Option(min=1)] = 50,
    as_: As = None,
    json: Json = False,
) -> None:
    """List what waits for you, for others, was decided, or could not be carried out.

    Example: gatehouse approvals list --tab waiting
    """
    found = desk(context, as_).list_tab(tab, limit)
    if json:
        write_json(found)
        return
    columns = ("approval", "status", "what", "votes", "decide by")
    rows = [
        (
            one["approval_id"],
            one["status"],
            one["sentence"],
            f"{one['votes_received']} of {one['votes_needed']}",
            one["decide_by"],
        )
        for one in found
    ]
    write_table(columns, rows, empty="Nothing there.")


@app.command()
def show(context: typer.Context, approval_id: str, *, as_: As = None, json: Json = False) -> None:
    """Show one approval: what is asked, on what evidence, by which rule, and who has voted.

    Example: gatehouse approvals show 0f3c…
    """
    found = desk(context, as_).show(approval_id)
    if json:
        write_json(found)
        return
    write_facts(_facts(found))
    votes = [
        (_signer(vote), vote["decision"], vote["meaning"], vote["reason"], vote["voted_at"]) for vote in found["votes"]
    ]
    if votes:
        write_table(("who", "decision", "meaning", "reason", "when"), votes, empty="")


@app.command()
def approve(
    context: typer.Context,
    approval_ids: Several,
    *,
    reason: Reason = "",
    meaning: Meaning = "approval",
    basis: Basis = None,
    delegation: For = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Approve and sign; several in one act if the same rule asks for them, with the same policy, and nothing unusual was found.

    Example: gatehouse approvals approve 0f3c… 9a1e… --reason "Delivered under PO 4711"
    """
    signed = Signing(decision="approve", reason=reason, meaning=meaning, delegation=delegation)
    _decide(desk(context, as_), approval_ids, signed, basis=basis, json=json)


@app.command()
def reject(
    context: typer.Context,
    approval_ids: Several,
    *,
    reason: Reason = "",
    basis: Basis = None,
    delegation: For = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Reject and sign; several in one act if the same rule asks for them, with the same policy. One rejection decides.

    Example: gatehouse approvals reject 0f3c… --reason "Nobody announced a rotation"
    """
    signed = Signing(decision="reject", reason=reason, meaning="rejection", delegation=delegation)
    _decide(desk(context, as_), approval_ids, signed, basis=basis, json=json)


def desk(context: typer.Context, username: str | None) -> Approvals:
    """The approvals API, signed in as `username` or as the only person signed in."""
    from gatehouse.approval import sessions

    aim = target(context)
    return Approvals(aim.output("ApprovalsUrl"), sessions.session(aim, username).id_token)


def _decide(approvals: Approvals, approval_ids: list[str], signing: Signing, *, basis: str | None, json: bool) -> None:
    if len(approval_ids) > 1:
        _decide_together(approvals, approval_ids, signing, basis=basis, json=json)
        return
    [approval_id] = approval_ids
    if basis is None:
        found = approvals.show(approval_id)
        basis = str(found["basis_sha256"])
        say(found["sentence"])
    answer = approvals.vote(
        approval_id,
        signing.decision,
        reason=signing.reason,
        meaning=signing.meaning,
        basis_sha256=basis,
        delegation=signing.delegation,
    )
    if json:
        write_json(answer)
        return
    receipt = answer["receipt"]
    if answer["repeated"]:
        say("You had voted so already; this is the receipt of then.")
    signed = {"signed by": _signer(receipt), "decision": receipt["decision"], "at": receipt["voted_at"]}
    write_facts(signed | _state(answer["approval"]))


def _decide_together(
    approvals: Approvals, approval_ids: list[str], signing: Signing, *, basis: str | None, json: bool
) -> None:
    """Exit code 1 if one of them was not signed."""
    if basis is not None:
        raise BadInput("--basis is of one approval. Leave it out, or decide one at a time.")
    shown = {identity: approvals.show(identity) for identity in approval_ids}
    for found in shown.values():
        say(found["sentence"])
    results = approvals.vote_together({one: str(found["basis_sha256"]) for one, found in shown.items()}, signing)
    if json:
        write_json(results)
    else:
        rows = [
            (
                one["approval_id"],
                shown[one["approval_id"]]["device"],
                one["result"],
                (one["approval"] or {}).get("status"),
                one["message"] or "",
            )
            for one in results
        ]
        write_table(("approval", "device", "vote", "status", "why not"), rows, empty="")
    if any(one["receipt"] is None for one in results):
        raise typer.Exit(NO)


def _facts(found: Answer) -> dict[str, Any]:
    certificate, verdict = found["snapshot"]["certificate"], found["snapshot"]["revocation"]
    return {
        "what": found["sentence"],
        "why asked": f"rule {found['rule_id']}, version {found['rule_version']}",
        "needs": [f"{one['received']} of {one['count']} from {one['group']}" for one in found["requirements"]],
        **_state(found),
        "certificate": found["certificate_id"],
        "subject": certificate["subject"],
        "revocation": f"{verdict['status']}: {verdict['reason']}",
        "findings": found["snapshot"]["device"]["findings"],
        "policy": found["snapshot"]["device"]["policy_name"],
        "entered by": found["entered_by"],
        "evidence hash": found["basis_sha256"],
        "execution": found["execution_arn"],
        "you may vote": found["you"]["in_own_name"] or f"no: {found['you']['why_not'] or 'only for others'}",
        "for others": [
            f"{one['name']} ({one['group']}), delegation {one['delegation_id']}" for one in found["you"]["on_behalf_of"]
        ],
    }


def _signer(vote: Answer) -> str:
    behalf = vote.get("on_behalf_of")
    return f"{vote['name']} on behalf of {behalf['name']}" if behalf else str(vote["name"])


def _state(summary: Answer) -> dict[str, Any]:
    return {"status": summary["status"], "delivery": summary["delivery"], "decide by": summary["decide_by"]}
