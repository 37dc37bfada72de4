"""``gatehouse evidence``: verifies, shows and exports the sealed records."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from gatehouse.cli.context import target
from gatehouse.cli.output import Json, console, plain, say, write_facts, write_json, write_table
from gatehouse.stack.error_messages import NO
from workflows.evidence.coverage import Part, due_day

if TYPE_CHECKING:
    from workflows.evidence.failures import Report

app = typer.Typer(no_args_is_help=True, help="Verify, show and export the sealed records.")

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
        help="A key to trust for votes only, PEM; may be repeated.",
    ),
]


Device = Annotated[str | None, typer.Option("--device", help="Only this device, or certificate id.")]
First = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day, UTC.")]
Last = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day, UTC.")]


@app.command()
def verify(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(metavar="FILE|FOLDER|PREFIX", help="A file or an exported folder, or a prefix in the bucket."),
    ] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Everything in the bucket.")] = False,
    device: Device = None,
    from_: First = None,
    to: Last = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            formats=["%Y-%m-%d"],
            help="The day of the export, UTC: the last manifest must be of the day before.  [default: now]",
        ),
    ] = None,
    public_key: PublicKey = None,
    vote_key: VoteKey = None,
    json: Json = False,
) -> None:
    """Verify evidence: signatures, chain, manifests, schema, votes. With a file or folder and --public-key, offline.

    A folder must contain everything, unless --device, --from and --to say what was exported. Its own index is not trusted.

    Example: gatehouse evidence verify ./export --public-key public-key.pem --vote-key vote-key.pem --as-of 2026-11-23
    """
    from gatehouse.evidence import checking

    part = _part(device, from_, to)
    path = Path(what) if what is not None else None
    if all_ == (what is not None):
        raise typer.BadParameter("Name what to verify, or --all.")
    if part.partial and (path is None or not path.is_dir()):
        raise typer.BadParameter("--device, --from and --to say what a folder contains. Name the folder.")
    at = _now()
    due = as_of.date() - timedelta(days=1) if as_of else due_day(at)
    if path is not None and path.exists():
        keys = checking.public_keys(None if public_key else target(context), public_key or [], vote_key or [])
        report = checking.of_folder(path, keys, part, due) if path.is_dir() else checking.of_file(path, keys)
        if not path.is_dir():
            say(
                "Only this file was verified. Its chain needs the files that it names, and missing files cannot be noticed."
            )
    else:
        keys = checking.public_keys(target(context), public_key or [], vote_key or [])
        report = checking.of_bucket(target(context), what, keys, due)
    if json:
        write_json(report)
    else:
        _write_report(report, at)
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
    """Verify the records of a device, and show them, oldest first.

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
        _write_report(report, _now())
    if report.failures:
        raise typer.Exit(NO)


@app.command()
def export(
    context: typer.Context,
    *,
    output: Annotated[Path, typer.Option(help="A new folder.")],
    from_: First = None,
    to: Last = None,
    device: Device = None,
    public_key: PublicKey = None,
    vote_key: VoteKey = None,
    json: Json = False,
) -> None:
    """Export the sealed files with an index and a page to print. `verify` can check the folder.

    Example: gatehouse evidence export --output audit-2026 --from 2026-01-01 --device pump-0042
    """
    from gatehouse.evidence import checking
    from gatehouse.evidence.export import PAGE
    from gatehouse.evidence.export import export as export_to

    keys = checking.public_keys(target(context), public_key or [], vote_key or [])
    at = _now()
    done = export_to(target(context), output, _part(device, from_, to), keys, at=at)
    if json:
        write_json({"folder": str(done.folder), "records": done.records, "report": done.report})
    else:
        say(f"{done.records} records in {done.folder}. To print: {done.folder / PAGE}")
        _write_report(done.report, at)
    if done.report.failures:
        raise typer.Exit(NO)


def _now() -> datetime:
    return datetime.now(UTC)


def _part(device: str | None, first: datetime | None, last: datetime | None) -> Part:
    return Part(device=device, first=first.date() if first else None, last=last.date() if last else None)


def _write_report(report: "Report", at: datetime) -> None:
    rows = [(failure.key, failure.rule, failure.message) for failure in report.failures]
    if rows:
        write_table(("file", "rule", "what was found"), rows, empty="")
    say(
        f"{report.records} records, {report.votes} votes, {report.manifests} manifests, {report.trail_entries} trail entries: "
        + (f"{len(rows)} failures." if rows else "all are valid.")
    )
    if report.partial:
        say(f"Partial: {report.part}. Files outside of it were not checked.")
    if report.last_sealed_at is not None:
        age = int((at - report.last_sealed_at).total_seconds() // 3600)
        say(
            f"Manifests cover {report.first_day} to {report.last_day}. The last was sealed at "
            f"{report.last_sealed_at:%Y-%m-%d %H:%M}Z, {age} h ago."
        )
    if report.not_yet_listed:
        say(
            f"{report.not_yet_listed} records are signed but in no manifest yet: missing files beside them cannot be noticed."
        )
    if report.unsigned:
        say(
            f"Not verified: {report.unsigned} trail entries that no manifest lists yet. The next night's manifest lists and signs them."
        )
