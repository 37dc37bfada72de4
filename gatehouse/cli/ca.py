"""``gatehouse ca``: the CAs whose devices may knock."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatehouse.cli.acts import DRY, DryRun, Reason, Yes, agree
from gatehouse.cli.context import target
from gatehouse.cli.output import Json, say, write, write_facts, write_json, write_table

if TYPE_CHECKING:
    from gatehouse.revocation.ca_revocation import Plan

app = typer.Typer(no_args_is_help=True, help="The CAs whose devices may knock.")

CaId = Annotated[str, typer.Argument(metavar="CA", help="The CA certificate's id in AWS IoT.")]
RegistrationOnly = Annotated[
    bool, typer.Option("--registration-only", help="Change only automatic registration, not the CA's status.")
]
CertificateFile = Annotated[
    Path, typer.Option(exists=True, dir_okay=False, readable=True, help="The CA's certificate, PEM or DER.")
]
KeyFile = Annotated[Path, typer.Option(exists=True, dir_okay=False, readable=True, help="The CA's private key, PEM.")]


@app.command()
def register(
    context: typer.Context,
    *,
    certificate: CertificateFile,
    key: KeyFile,
    sni_only: Annotated[
        bool, typer.Option("--sni-only", help="Register in mode SNI_ONLY: several accounts may share the CA.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="A tag `Name` for the AWS console.")] = None,
    json: Json = False,
) -> None:
    """Register a CA with AWS IoT with automatic registration on, and store its certificate for the revocation check.

    The key signs the proof that AWS IoT asks for. The command reads it here and sends it nowhere. Safe to repeat.

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
        say("It was registered before. It is active, with automatic registration on.")
    for warning in done.warnings:
        say(f"Warning: {warning}")
    write(done if json else done.ca, as_json=json)


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
    does = "Devices of this CA that connect are registered, and can knock. This alone admits no device."
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
    """Stop the registration of new devices of a CA. Registered devices stay; admitted ones stay connected.

    Example: gatehouse ca disable 3f5a… --reason "Key may be compromised" --dry-run
    """
    does = (
        "New devices of this CA cannot register. Registered certificates stay as they are: admitted devices stay connected, and "
        "pending ones can still be admitted. To stop these, publish a revocation list, deny them in the inventory, or revoke the CA."
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
    """Revoke a CA whose key is compromised, or that is no longer used: disable it and set each of its certificates REVOKED.

    Each certificate gets a sealed record. The calls keep to AWS IoT's quota, and
    share it with people's decisions and new devices. Safe to repeat: it continues
    where it stopped.

    Example: gatehouse ca revoke 3f5a… --reason "Key copied from the signing host, ticket 4711" --dry-run
    """
    from gatehouse.evidence import audit_trail
    from gatehouse.revocation import authorities, ca_revocation

    aim = target(context)
    audit_trail.require_reason(reason)
    plan = ca_revocation.plan(aim, authorities.show(aim, ca))
    if not json:
        _write_plan(plan)
    if dry_run:
        if json:
            write_json({"done": False, "plan": plan})
        else:
            say(DRY)
        return
    agree(f"Revoke {plan.ca.subject} and {plan.revokes} certificates of it? This cannot be undone.", yes=yes)
    started = ca_revocation.revoke(aim, plan.ca, reason)
    if json:
        write_json({"done": True, "plan": plan, "started": started})
        return
    write_facts({"execution": started.execution, "order": started.revocation.trail_id})
    say(
        "The CA is disabled, and a sweep revokes its certificates. To watch it: the execution in the Step Functions console, or this "
        "command with --dry-run, which shows how many are left. The record of a certificate: gatehouse evidence show. A message is sent "
        "when the sweep ends. A further sweep starts within the hour, until no certificate is left. It is safe to run this command again."
    )


def _write_plan(plan: "Plan") -> None:
    ca = plan.ca
    write_facts(
        {
            "CA": ca.subject,
            "status": ca.status,
            "auto-registration": ca.auto_registration,
            "certificates in AWS IoT": dict(sorted(plan.certificates.items())) or "none",
            "would be revoked": plan.revokes,
            "of those with an admission": dict(sorted(plan.admissions.items())) or "none",
            "takes": f"{plan.seconds_alone:g} s; {plan.seconds_contended:g} s while others use the quota",
            "calls to AWS IoT": plan.iot_calls,
        }
    )
    if plan.ordered is not None:
        order = plan.ordered
        say(
            f"{order.by} ordered it on {order.at:%Y-%m-%d %H:%M}Z: {order.reason}. "
            f"This command continues that order, and the records name it. REVOKED but not yet sealed: {plan.unfinished}."
        )
    for other in plan.same_key:
        say(f"The same key is also registered as CA {other}, and can sign for it too. Revoke both.")
    say(
        "This cannot be undone: the devices need certificates of another CA. A device may stay connected for some minutes after its "
        "certificate is REVOKED. Things, policies, bindings and lines of the inventory stay, so a device's new certificate is its second "
        "one, and people decide about it. A certificate whose transfer to another account is pending also stays."
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
    before = authorities.show(aim, ca)
    ordered = orders.owed(aim, ca) if on else None
    if ordered is not None:
        does += (
            f" {ordered.by} ordered on {ordered.at:%Y-%m-%d %H:%M}Z that it be revoked: {ordered.reason}. This ends that order. "
            "Certificates that are REVOKED stay REVOKED. A sweep that runs continues until you stop its execution."
        )
    if not json:
        write(before, as_json=False)
        say(does)
    if dry_run:
        if json:
            write_json({"done": False, "does": does, "ca": before})
        else:
            say(DRY)
        return
    agree(f"{'Enable' if on else 'Disable'} {before.subject}?", yes=yes)
    if on:
        after = ca_revocation.enable(aim, before, ordered, registration_only=registration_only, reason=reason)
    else:
        after = authorities.switch(aim, before, on=False, registration_only=registration_only, reason=reason)
    if json:
        write_json({"done": True, "does": does, "ca": after})
    else:
        say(f"It is {after.status}, with automatic registration {'on' if after.auto_registration else 'off'}.")
