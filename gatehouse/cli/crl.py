"""``gatehouse crl``: what the CAs have taken back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from gatehouse.cli.context import target
from gatehouse.cli.output import Json, write, write_facts, write_json, write_table
from workflows.errors import BadInput

app = typer.Typer(no_args_is_help=True, help="What the CAs have taken back.")

ReadableFile = typer.Option(exists=True, dir_okay=False, readable=True)
CaId = Annotated[str, typer.Option("--ca", help="The CA certificate's id in AWS IoT.")]
_VERDICTS = {"good": 0, "revoked": 1, "unknown": 2}


@app.command()
def publish(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    *,
    ca: CaId,
    json: Json = False,
) -> None:
    """Check a revocation list (DER or PEM) against its CA and publish it. What would not count is refused, with the clause.

    Example: gatehouse crl publish device-ca.crl --ca 3f5a…
    """
    from gatehouse import revocation_lists

    found = revocation_lists.publish(target(context), file.read_bytes(), ca, at=datetime.now(UTC))
    write(found, as_json=json)


@app.command()
def status(context: typer.Context, *, ca: CaId, json: Json = False) -> None:
    """List what is published of a CA, and whether it counts now. Exit code 0; see `problem`.

    Example: gatehouse crl status --ca 3f5a…
    """
    from gatehouse import revocation_lists

    found = revocation_lists.status(target(context), ca, at=datetime.now(UTC))
    if json:
        write_json(found)
        return
    columns = ("number", "kind", "scope", "issued", "next update", "SHA-256", "problem")
    rows = [
        (
            one.number,
            "delta" if one.delta else "complete",
            one.scope[:16],
            one.this_update,
            one.next_update,
            one.sha256[:16],
            one.problem,
        )
        for one in found
    ]
    write_table(columns, rows, empty="No list of this CA is published: every device of it will be held.")


@app.command()
def check(
    *,
    certificate: Annotated[Path, ReadableFile],
    issuer: Annotated[Path, ReadableFile],
    list_: Annotated[
        list[Path], typer.Option("--list", exists=True, dir_okay=False, readable=True, help="May be repeated.")
    ],
    at: Annotated[
        str | None, typer.Option(help="The moment to ask for, as 2027-01-31T18:00:00Z. Default: now.")
    ] = None,
    json: Json = False,
) -> None:
    """Ask offline whether a certificate is revoked. Exit code 0 good, 1 revoked, 2 unknown (or wrong input).

    Example: gatehouse crl check --certificate device.pem --issuer ca.pem --list ca.crl
    """
    from gatehouse import authority, revocation_lists
    from workflows import revocation

    verdict = revocation.check(
        authority.read_certificate(certificate.read_bytes(), str(certificate)),
        authority.read_certificate(issuer.read_bytes(), str(issuer)),
        [revocation_lists.to_der(file.read_bytes()) for file in list_],
        _moment(at),
    )
    if json:
        write_json(verdict)
    else:
        governing = {} if verdict.governing is None else msgspec.structs.asdict(verdict.governing)
        write_facts({"verdict": verdict.status, "why": verdict.reason} | governing)
        rows = [((one.sha256 or "")[:16], one.clause, one.reason) for one in verdict.not_counted]
        if rows:
            write_table(("list", "clause", "why it does not count"), rows, empty="")
    raise typer.Exit(_VERDICTS[verdict.status])


def _moment(text: str | None) -> datetime:
    from workflows.admission import inventory_cells

    if text is None:
        return datetime.now(UTC)
    try:
        return inventory_cells.moment(text)
    except ValueError as error:
        raise BadInput(f"--at {error}") from error
