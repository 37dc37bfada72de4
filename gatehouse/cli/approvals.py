"""``gatehouse approvals``: what waits for people, and their decisions, signed with their own sign-in."""

import sys
from typing import Annotated, Any, Literal

import typer

from gatehouse.approvals import Answer, Approvals, Lane
from gatehouse.cli.context import target
from gatehouse.cli.output import Json, say, write_facts, write_json, write_table

app = typer.Typer(no_args_is_help=True, help="What waits for people, and what they decided.")

As = Annotated[str | None, typer.Option("--as", help="Who acts, if several people are signed in.")]
Reason = Annotated[str, typer.Option(help="Why; some rules ask for it.")]
Basis = Annotated[str | None, typer.Option(help="The evidence hash you looked at. Default: the one that is there now.")]
For = Annotated[
    str | None, typer.Option("--delegation", help="Vote for another person: the delegation's id, as `show` names it.")
]
Meaning = Annotated[Literal["approval", "responsibility"], typer.Option(help="What your signature means.")]


@app.command()
def login(
    context: typer.Context,
    *,
    username: Annotated[str, typer.Option(prompt=True, help="The e-mail address you were invited with.")],
    json: Json = False,
) -> None:
    """Sign in as an approver. The password is asked for, or read from stdin when that is no terminal.

    Example: gatehouse approvals login --username ada@example.com
    """
    from gatehouse import sign_in

    asked = sys.stdin.isatty()
    password = typer.prompt("Password", hide_input=True, err=True) if asked else sys.stdin.readline().rstrip("\r\n")
    session = sign_in.sign_in(target(context), username, password)
    if json:
        write_json({"username": session.username, "expires_at": session.expires_at})
    else:
        say(f"{session.username} is signed in.")


@app.command()
def logout(context: typer.Context, *, username: Annotated[str, typer.Option()], json: Json = False) -> None:
    """Forget a sign-in.

    Example: gatehouse approvals logout --username ada@example.com
    """
    from gatehouse import sign_in

    done = sign_in.sign_out(target(context), username)
    if json:
        write_json({"signed_out": done})
    else:
        say(f"{username} is signed out." if done else f"{username} was not signed in.")


@app.command("list")
def list_(
    context: typer.Context,
    *,
    lane: Annotated[Lane, typer.Option(help="Which of them.")] = "mine",
    limit: Annotated[int, typer.Option(min=1)] = 50,
    as_: As = None,
    json: Json = False,
) -> None:
    """List what waits for you, for others, was decided, or could not be carried out.

    Example: gatehouse approvals list --lane waiting
    """
    found = desk(context, as_).list_lane(lane, limit)
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
    approval_id: str,
    *,
    reason: Reason = "",
    meaning: Meaning = "approval",
    basis: Basis = None,
    delegation: For = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Approve and sign.

    Example: gatehouse approvals approve 0f3c… --reason "Delivered under PO 4711"
    """
    _vote(
        desk(context, as_),
        approval_id,
        "approve",
        reason=reason,
        meaning=meaning,
        basis=basis,
        delegation=delegation,
        json=json,
    )


@app.command()
def reject(
    context: typer.Context,
    approval_id: str,
    *,
    reason: Reason = "",
    basis: Basis = None,
    delegation: For = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Reject and sign. One rejection decides.

    Example: gatehouse approvals reject 0f3c… --reason "Nobody announced a rotation"
    """
    _vote(
        desk(context, as_),
        approval_id,
        "reject",
        reason=reason,
        meaning="rejection",
        basis=basis,
        delegation=delegation,
        json=json,
    )


def desk(context: typer.Context, username: str | None) -> Approvals:
    """The approvals API, signed in as `username` or as the only person signed in."""
    from gatehouse import sign_in

    aim = target(context)
    return Approvals(aim.output("ApprovalsUrl"), sign_in.session(aim, username).id_token)


def _vote(
    approvals: Approvals,
    approval_id: str,
    decision: Literal["approve", "reject"],
    *,
    reason: str,
    meaning: str,
    basis: str | None,
    delegation: str | None,
    json: bool,
) -> None:
    if basis is None:
        found = approvals.show(approval_id)
        basis = str(found["basis_sha256"])
        say(found["sentence"])
    answer = approvals.vote(
        approval_id, decision, reason=reason, meaning=meaning, basis_sha256=basis, delegation_id=delegation
    )
    if json:
        write_json(answer)
        return
    receipt = answer["receipt"]
    if answer["repeated"]:
        say("You had voted so already; this is the receipt of then.")
    signed = {"signed by": _signer(receipt), "decision": receipt["decision"], "at": receipt["voted_at"]}
    write_facts(signed | _state(answer["approval"]))


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
