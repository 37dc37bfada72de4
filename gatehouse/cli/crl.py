"""``gatehouse crl``: what the CAs have taken back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from gatehouse.cli.context import target
from gatehouse.cli.output import Json, say, write, write_facts, write_json, write_table
from workflows.errors import BadInput

if TYPE_CHECKING:
    from gatehouse.revocation.lists import Listed

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
    within: Annotated[float, typer.Option(help="For how many seconds to wait for the answer.")] = 120.0,
    json: Json = False,
) -> None:
    """Hand in a revocation list (DER or PEM) and wait until it is judged. Exit code 0 accepted, 1 rejected, with the clause.

    Example: gatehouse crl publish device-ca.crl --ca 3f5a…
    """
    from gatehouse.revocation import lists

    found = lists.publish(target(context), file.read_bytes(), ca, at=datetime.now(UTC), within=within)
    if json:
        write_json(found)
        return
    record = found.record
    shown = {
        "accepted": f"{'delta' if record.delta else 'list'} number {record.number}",
        "issuer key": record.issuer_key_sha256,
        "scope": record.scope,
        "entries": found.entries,
        "issued": record.this_update,
        "next update": record.next_update,
        "sha256": record.sha256,
        "kept as": found.list_key,
        "sweep": found.sweep,
    }
    write(shown, as_json=False)


@app.command()
def status(
    context: typer.Context,
    *,
    ca: Annotated[str | None, typer.Option("--ca", help="Only this CA: its certificate's id in AWS IoT.")] = None,
    json: Json = False,
) -> None:
    """List what is current, when it goes stale, and what happens then. Exit code 0; see `problem`.

    Example: gatehouse crl status
    """
    from gatehouse.revocation import lists, orders, sweeps

    aim, at = target(context), datetime.now(UTC)
    found = lists.every(aim, at=at) if ca is None else lists.status(aim, ca, at=at)
    asked = sweeps.questions(aim)
    revoked = {one: line for one, line in orders.told(aim).items() if ca in (None, one)}
    if json:
        write_json({"lists": found, "questions": asked, "revocations": revoked})
        return
    columns = ("issuer key", "number", "kind", "scope", "entries", "age", "goes stale", "sweep", "then")
    rows = [
        (
            one.issuer_key[:16],
            one.number,
            "delta" if one.delta else "complete",
            one.scope[:16],
            one.entries,
            _span(at - one.this_update),
            f"{one.goes_stale_at:%Y-%m-%d %H:%M}Z, in {_span(one.goes_stale_at - at)}"
            if not one.problem
            else one.problem,
            "owed" if one.sweep_owed else "done",
            _consequence(one),
        )
        for one in found
    ]
    write_table(columns, rows, empty="No list is published: every device is held until one is.")
    for line in revoked.values():
        say(line)
    if asked:
        say(
            "No list names these any more, and they are still refused. May their devices come back? Then delete the certificate "
            "in AWS IoT and run gatehouse admissions forget CERTIFICATE_ID."
        )
        write_table(
            ("device", "certificate", "refused because"),
            [(one.device, one.certificate_id, one.reason) for one in asked],
            empty="",
        )


def _span(time: timedelta) -> str:
    hours = int(time.total_seconds() // 3600)
    return (
        f"{hours // 24} d {hours % 24} h" if hours >= 48 else f"{hours} h {int(time.total_seconds() % 3600 // 60)} min"
    )


def _consequence(one: "Listed") -> str:
    """What becomes of devices once the list is stale: it neither passes nor refuses anybody."""
    if one.delta:
        return "the complete list alone decides"
    return "new devices are held now" if one.problem else "new devices will be held; admitted ones stay connected"


@app.command()
def sweep(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")] = False,
    list_: Annotated[
        Path | None,
        typer.Option(
            "--list", exists=True, dir_okay=False, readable=True, help="Of a list not yet published; with --ca."
        ),
    ] = None,
    ca: Annotated[str | None, typer.Option("--ca", help="Whose list it is.")] = None,
    json: Json = False,
) -> None:
    """Take back whom current lists revoke, where that is still owed. With --dry-run, say whom, and how long it takes.

    Example: gatehouse crl sweep --dry-run --list next.crl --ca 3f5a…
    """
    from gatehouse.revocation import sweeps

    if (list_ is None) != (ca is None) or (list_ is not None and not dry_run):
        raise BadInput("--list and --ca go together, and only with --dry-run: a list is swept once it is published.")
    aim = target(context)
    if not dry_run:
        started = sweeps.start(aim)
        write_json(started) if json else write_table(
            ("execution",), [(one,) for one in started], empty="No sweep is owed."
        )
        return
    plans = [sweeps.would(aim, list_.read_bytes(), ca, at=datetime.now(UTC))] if list_ and ca else sweeps.owed(aim)
    if json:
        write_json(plans)
        return
    columns = (
        "issuer key",
        "list",
        "newly listed",
        "revokes",
        "questions",
        "takes",
        "while others want the quota",
        "devices",
    )
    rows = [
        (
            one.issuer_key[:16],
            one.list_number,
            one.newly_listed,
            one.revokes,
            one.released,
            f"{one.seconds_alone:g} s",
            f"{one.seconds_contended:g} s",
            ", ".join(one.devices[:5]) + (", …" if len(one.devices) > 5 else ""),
        )
        for one in plans
    ]
    write_table(columns, rows, empty="No sweep is owed: everybody whom a current list revokes has been dealt with.")


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
    from gatehouse.revocation import authorities, lists
    from workflows import revocation

    verdict = revocation.check(
        authorities.read_certificate(certificate.read_bytes(), str(certificate)),
        authorities.read_certificate(issuer.read_bytes(), str(issuer)),
        [lists.to_der(file.read_bytes()) for file in list_],
        moment(at),
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


def moment(text: str | None) -> datetime:
    from workflows.admission import inventory_cells

    if text is None:
        return datetime.now(UTC)
    try:
        return inventory_cells.moment(text)
    except ValueError as error:
        raise BadInput(f"--at {error}") from error
