"""``gatehouse ca``: the authorities whose devices may knock."""

from pathlib import Path
from typing import Annotated

import typer

from gatehouse.cli.acts import DRY, DryRun, Reason, Yes, agree
from gatehouse.cli.context import target
from gatehouse.cli.output import Json, say, write, write_json, write_table

app = typer.Typer(no_args_is_help=True, help="The authorities whose devices may knock.")

CaId = Annotated[str, typer.Argument(metavar="CA", help="The CA certificate's id in AWS IoT.")]
RegistrationOnly = Annotated[
    bool, typer.Option("--registration-only", help="Only automatic registration; leave the CA's status.")
]
ReadableFile = typer.Option(exists=True, dir_okay=False, readable=True)


@app.command()
def register(
    context: typer.Context,
    *,
    certificate: Annotated[Path, ReadableFile],
    key: Annotated[Path, ReadableFile],
    sni_only: Annotated[
        bool, typer.Option("--sni-only", help="Mode SNI_ONLY: several accounts may share the CA.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="A tag `Name` for the AWS console.")] = None,
    json: Json = False,
) -> None:
    """Register a CA with AWS IoT, automatic registration on, and keep its certificate for the revocation check.

    The key signs the proof that AWS IoT asks for; it is read here and goes nowhere. Safe to repeat.

    Example: gatehouse ca register --certificate ca.pem --key ca.key
    """
    from gatehouse import authority

    found = authority.read_certificate(certificate.read_bytes(), str(certificate))
    try:
        private = authority.read_key(key.read_bytes(), str(key))
    except authority.PasswordNeeded:
        password = typer.prompt(f"Password of {key}", hide_input=True, err=True)
        private = authority.read_key(key.read_bytes(), str(key), password.encode())
    done = authority.register(target(context), found, private, sni_only=sni_only, name=name)
    if not done.new:
        say("It was registered already; it is active, with automatic registration on.")
    for warning in done.warnings:
        say(f"Warning: {warning}")
    write(done if json else done.authority, as_json=json)


@app.command("list")
def list_(context: typer.Context, *, json: Json = False) -> None:
    """List the registered CAs.

    Example: gatehouse ca list
    """
    from gatehouse import authority

    found = list(authority.list_all(target(context)))
    if json:
        write_json(found)
        return
    columns = ("CA certificate id", "subject", "status", "auto-registration", "valid until")
    rows = [(ca.ca_certificate_id, ca.subject, ca.status, ca.auto_registration, ca.valid_until) for ca in found]
    write_table(
        columns,
        rows,
        empty="No CA is registered. Register one: gatehouse ca register --certificate CA.pem --key CA.key",
    )


@app.command()
def show(context: typer.Context, ca_certificate_id: str, *, json: Json = False) -> None:
    """Show one registered CA.

    Example: gatehouse ca show 3f5a…
    """
    from gatehouse import authority

    write(authority.show(target(context), ca_certificate_id), as_json=json)


@app.command()
def enable(
    context: typer.Context,
    ca: CaId,
    *,
    reason: Reason,
    registration_only: RegistrationOnly = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Let devices of a CA register themselves: the CA becomes active, with automatic registration on.

    Example: gatehouse ca enable 3f5a… --reason "Key ceremony of 2027-01-31 accepted"
    """
    does = "Devices of this CA that connect are registered, and knock. Nobody is admitted by that alone."
    _switch(
        context, ca, reason, does, on=True, registration_only=registration_only, dry_run=dry_run, yes=yes, json=json
    )


@app.command()
def disable(
    context: typer.Context,
    ca: CaId,
    *,
    reason: Reason,
    registration_only: RegistrationOnly = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Let no more devices of a CA register themselves. Those that are registered stay: admitted ones stay connected.

    Example: gatehouse ca disable 3f5a… --reason "Key may be compromised" --dry-run
    """
    does = (
        "New devices of this CA cannot register. Certificates registered already stay as they are: admitted devices stay connected, and "
        "pending ones can still be admitted. To stop those, publish a revocation list, or deny them in the inventory."
    )
    _switch(
        context, ca, reason, does, on=False, registration_only=registration_only, dry_run=dry_run, yes=yes, json=json
    )


def _switch(
    context: typer.Context,
    ca: str,
    reason: str,
    does: str,
    *,
    on: bool,
    registration_only: bool,
    dry_run: bool,
    yes: bool,
    json: bool,
) -> None:
    from gatehouse import authority, trail

    aim = target(context)
    trail.require_reason(reason)
    found = authority.show(aim, ca)
    if not json:
        write(found, as_json=False)
        say(does)
    if dry_run:
        if json:
            write_json({"done": False, "does": does, "authority": found})
        else:
            say(DRY)
        return
    agree(f"{'Enable' if on else 'Disable'} {found.subject}?", yes=yes)
    now = authority.switch(aim, found, on=on, registration_only=registration_only, reason=reason)
    if json:
        write_json({"done": True, "does": does, "authority": now})
    else:
        say(f"It is {now.status}, with automatic registration {'on' if now.auto_registration else 'off'}.")
