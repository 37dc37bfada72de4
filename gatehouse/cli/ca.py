"""``gatehouse ca``: the authorities whose devices may knock."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatehouse.cli.acts import DRY, DryRun, Reason, Yes, agree
from gatehouse.cli.context import target
from gatehouse.cli.output import Json, say, write, write_facts, write_json, write_table

if TYPE_CHECKING:
    from gatehouse.revocation.ca_revocation import Plan

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
    from gatehouse.revocation import authorities

    found = authorities.read_certificate(certificate.read_bytes(), str(certificate))
    try:
        private = authorities.read_key(key.read_bytes(), str(key))
    except authorities.PasswordNeeded:
        password = typer.prompt(f"Password of {key}", hide_input=True, err=True)
        private = authorities.read_key(key.read_bytes(), str(key), password.encode())
    done = authorities.register(target(context), found, private, sni_only=sni_only, name=name)
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
    from gatehouse.revocation import authorities

    found = list(authorities.list_all(target(context)))
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
    from gatehouse.revocation import authorities

    write(authorities.show(target(context), ca_certificate_id), as_json=json)


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
        "pending ones can still be admitted. To stop those, publish a revocation list, deny them in the inventory, or revoke the CA."
    )
    _switch(
        context, ca, reason, does, on=False, registration_only=registration_only, dry_run=dry_run, yes=yes, json=json
    )


@app.command()
def revoke(
    context: typer.Context,
    ca: CaId,
    *,
    reason: Reason,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Revoke a CA whose key is in wrong hands, or that is retired: disable it, and set each of its certificates REVOKED, with its proof.

    Paced to AWS IoT's quota, beside what people decide and devices that knock. Safe to repeat: it goes on where it stopped.

    Example: gatehouse ca revoke 3f5a… --reason "Key copied from the signing host, ticket 4711" --dry-run
    """
    from gatehouse.evidence import audit_trail
    from gatehouse.revocation import authorities, ca_revocation

    aim = target(context)
    audit_trail.require_reason(reason)
    found = ca_revocation.plan(aim, authorities.show(aim, ca))
    if not json:
        _tell_plan(found)
    if dry_run:
        if json:
            write_json({"done": False, "plan": found})
        else:
            say(DRY)
        return
    agree(f"Revoke {found.authority.subject}, and {found.revokes} certificates with it, for good?", yes=yes)
    started = ca_revocation.revoke(aim, found.authority, reason)
    if json:
        write_json({"done": True, "plan": found, "started": started})
        return
    write_facts({"execution": started.execution, "order": started.revocation.trail_id})
    say(
        "It is disabled, and being revoked. To watch: the execution in the Step Functions console, or this command with --dry-run, which "
        "says what is left. Each certificate's proof: gatehouse evidence show. People are told once the sweep has ended; it looks again "
        "within the hour, and goes on by itself until nobody is left. Running this command again resumes, and does no harm."
    )


def _tell_plan(found: "Plan") -> None:
    ca = found.authority
    write_facts(
        {
            "CA": ca.subject,
            "status": ca.status,
            "auto-registration": ca.auto_registration,
            "certificates in AWS IoT": dict(sorted(found.certificates.items())) or "none",
            "would be revoked": found.revokes,
            "of those with an admission": dict(sorted(found.admissions.items())) or "none",
            "takes": f"{found.seconds_alone:g} s; {found.seconds_contended:g} s while others want the quota",
            "calls to AWS IoT": found.iot_calls,
        }
    )
    if found.ordered is not None:
        one = found.ordered
        say(
            f"{one.by} ordered it on {one.at:%Y-%m-%d %H:%M}Z: {one.reason}. That goes on, and the proof names that order. "
            f"Not yet sealed, of those that are REVOKED: {found.unfinished}."
        )
    for other in found.same_key:
        say(f"The same key is registered as CA {other} too: whoever has it signs for that one as well. Revoke both.")
    say(
        "It cannot be undone: devices need certificates of another CA. What stays: each connection until some minutes after its "
        "certificate's turn; things, policies, bindings and lines of the inventory, so that a device's new certificate is its second, and "
        "people decide; a certificate whose transfer to another account is pending."
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
    from gatehouse.evidence import audit_trail
    from gatehouse.revocation import authorities, ca_revocation, orders

    aim = target(context)
    audit_trail.require_reason(reason)
    found = authorities.show(aim, ca)
    ordered = orders.owed(aim, ca) if on else None
    if ordered is not None:
        does += (
            f" It is being revoked, by {ordered.by} since {ordered.at:%Y-%m-%d %H:%M}Z: {ordered.reason}. That is owed no more then; what "
            "is REVOKED stays so. A sweep that runs goes on: stop its execution."
        )
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
    if on:
        now = ca_revocation.enable(aim, found, ordered, registration_only=registration_only, reason=reason)
    else:
        now = authorities.switch(aim, found, on=False, registration_only=registration_only, reason=reason)
    if json:
        write_json({"done": True, "does": does, "authority": now})
    else:
        say(f"It is {now.status}, with automatic registration {'on' if now.auto_registration else 'off'}.")
