"""The ``gatehouse`` command. Each noun, such as ``gatehouse ca``, has a file."""

from typing import Annotated

import typer

from gatehouse.cli import (
    admissions,
    approvals,
    approvals_search,
    ca,
    cloud,
    console,
    crl,
    delegations,
    demo,
    device,
    doctor,
    evidence,
    findings,
    inventory,
    policies,
    rules,
)
from gatehouse.cli.context import Aim
from gatehouse.cli.failures import ExpectedErrors
from gatehouse.local_cloud.settings import STACK
from gatehouse.stack.error_messages import EXIT_CODES

app = typer.Typer(
    name="gatehouse",
    cls=ExpectedErrors,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Exit codes: {EXIT_CODES}",
)


@app.callback()
def gatehouse(
    context: typer.Context,
    *,
    local: Annotated[
        bool | None,
        typer.Option("--local/--aws", help="Use the local cloud, or AWS. Default: $GATEHOUSE_TARGET, or AWS."),
    ] = None,
    stack: Annotated[str, typer.Option(help="The CloudFormation stack.", envvar="GATEHOUSE_STACK")] = STACK,
    region: Annotated[str | None, typer.Option(help="AWS Region. Default: that of the AWS CLI.")] = None,
    profile: Annotated[str | None, typer.Option(help="AWS profile. Default: that of the AWS CLI.")] = None,
) -> None:
    """Decide which devices may join an AWS IoT Core fleet, and keep signed records of it.

    Example: gatehouse --local admissions list
    """
    context.obj = Aim(local=local, stack=stack, region=region, profile=profile)


app.command()(cloud.up)
app.command()(cloud.down)
app.command()(cloud.status)
app.command()(demo.demo)
app.command()(console.console)
approvals.app.command()(delegations.delegate)
approvals.app.command()(delegations.delegations)
approvals.app.command()(delegations.end)
approvals.app.command()(approvals_search.search)
approvals.app.command()(approvals_search.export)
for noun, commands in {
    "ca": ca.app,
    "inventory": inventory.app,
    "crl": crl.app,
    "approvals": approvals.app,
    "admissions": admissions.app,
    "evidence": evidence.app,
    "rules": rules.app,
    "policies": policies.app,
    "device": device.app,
    "doctor": doctor.app,
    "findings": findings.app,
}.items():
    app.add_typer(commands, name=noun)


def main() -> None:
    """Run the command line. Exit codes: see `failures`."""
    app()
