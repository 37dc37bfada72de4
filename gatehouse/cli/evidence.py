"""``gatehouse evidence``: the sealed records: check them, read them, take them out."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from gatehouse.cli.context import target
from gatehouse.cli.output import Json, console, plain, say, write_facts, write_json, write_table
from gatehouse.foreseen import NO

if TYPE_CHECKING:
    from workflows.evidence.verify import Report

app = typer.Typer(no_args_is_help=True, help="The sealed records: check them, read them, take them out.")

PublicKey = Annotated[
    list[Path] | None,
    typer.Option(
        "--public-key",
        exists=True,
        dir_okay=False,
        help="A key to trust, PEM; may be repeated.  [default: the stack's signing keys]",
    ),
]
VoteKey = Annotated[
    list[Path] | None,
    typer.Option(
        "--vote-key",
        exists=True,
        dir_okay=False,
        help="A key to trust for votes and nothing else, PEM; may be repeated.",
    ),
]


@app.command()
def verify(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(metavar="FILE|FOLDER|PREFIX", help="A file or an exported folder, or a prefix in the bucket."),
    ] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Everything in the bucket.")] = False,
    public_key: PublicKey = None,
    vote_key: VoteKey = None,
    json: Json = False,
) -> None:
    """Verify evidence: signatures, chain, manifests, schema, votes. With a file or folder and --public-key, offline.

    Example: gatehouse evidence verify ./export --public-key public-key.pem --vote-key vote-key.pem
    """
    from gatehouse.evidence import checking

    if all_ == (what is not None):
        raise typer.BadParameter("Name what to verify, or --all.")
    path = Path(what) if what is not None else None
    if path is not None and path.exists():
        keys = checking.public_keys(None if public_key else target(context), public_key or [], vote_key or [])
        report = checking.of_folder(path, keys) if path.is_dir() else checking.of_file(path, keys)
        if not path.is_dir():
            say("One file by itself; its chain takes the files that it names.")
    else:
        keys = checking.public_keys(target(context), public_key or [], vote_key or [])
        report = checking.of_bucket(target(context), what, keys)
    if json:
        write_json(report)
    else:
        _write_report(report)
    if report.failures:
        raise typer.Exit(NO)


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="DEVICE|CERTIFICATE_ID")],
    *,
    public_key: PublicKey = None,
    vote_key: VoteKey = None,
    json: Json = False,
) -> None:
    """Show the records of a device, the oldest first, once each has been verified.

    Example: gatehouse evidence show pump-0042
    """
    from gatehouse.evidence import checking, files
    from gatehouse.evidence.telling import tell, what

    keys = checking.public_keys(target(context), public_key or [], vote_key or [])
    found, report = checking.of_device(target(context), name, keys)
    records = sorted((made for one in found if (made := files.readable(one.data))), key=lambda made: made.sealed_at)
    if json:
        write_json({"records": records, "report": report})
    else:
        for made in records:
            for title, facts in tell(made):
                begins = title == "Outcome"
                heading = Text(what(made) if begins else plain(title), style="bold reverse" if begins else "bold")
                console().print("", heading, sep="\n")
                write_facts({name: value for name, value in facts.items() if name != "pem"})
        _write_report(report)
    if report.failures:
        raise typer.Exit(NO)


@app.command()
def export(
    context: typer.Context,
    *,
    output: Annotated[Path, typer.Option(help="A new folder.")],
    from_: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day, UTC.")] = None,
    to: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day, UTC.")] = None,
    device: Annotated[str | None, typer.Option(help="Only this device, or certificate id.")] = None,
    public_key: PublicKey = None,
    vote_key: VoteKey = None,
    json: Json = False,
) -> None:
    """Export the sealed files with an index and a page to print. What was exported can be given to `verify`.

    Example: gatehouse evidence export --output audit-2026 --from 2026-01-01 --device pump-0042
    """
    from gatehouse.evidence import checking
    from gatehouse.evidence.export import PAGE, Scope
    from gatehouse.evidence.export import export as export_to

    keys = checking.public_keys(target(context), public_key or [], vote_key or [])
    scope = Scope(device=device, first=from_.date() if from_ else None, last=to.date() if to else None)
    done = export_to(target(context), output, scope, keys, at=datetime.now(UTC))
    if json:
        write_json({"folder": str(done.folder), "records": done.records, "report": done.report})
    else:
        say(f"{done.records} records in {done.folder}. To print: {done.folder / PAGE}")
        _write_report(done.report)
    if done.report.failures:
        raise typer.Exit(NO)


def _write_report(report: "Report") -> None:
    rows = [(failure.key, failure.rule, failure.message) for failure in report.failures]
    if rows:
        write_table(("file", "rule", "what was found"), rows, empty="")
    say(
        f"{report.records} records, {report.votes} votes, {report.manifests} manifests, {report.trail_entries} trail entries: "
        + (f"{len(rows)} failures." if rows else "all hold.")
        + (
            f" {report.not_yet_listed} are not in a manifest yet: the next night's will list them."
            if report.not_yet_listed
            else ""
        )
    )
