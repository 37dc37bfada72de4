"""``gatehouse up``, ``down``, ``status``: the local cloud."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from gatehouse.cli.output import Json, console, say, write_facts, write_json
from gatehouse.local_cloud.cloud import LocalCloud, LocalCloudStatus
from gatehouse.local_cloud.settings import LocalCloudSettings
from gatehouse.stack.error_messages import UNREACHABLE
from gatehouse.stack.target import Target

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the AWS endpoint. Default: 4566.")]
MqttPort = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the MQTT broker. Default: 8883.")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Leave it running in the background.")]


def up(*, detach: Detach = False, port: Port = None, mqtt_port: MqttPort = None, json: Json = False) -> None:
    """Start the local cloud and deploy template.yaml to it. Ctrl-C stops it.

    Example: gatehouse up --detach
    """
    from gatehouse.console.server import Console

    settings = LocalCloudSettings.from_environment()
    settings = msgspec.structs.replace(settings, port=port or settings.port, mqtt_port=mqtt_port or settings.mqtt_port)
    cloud = LocalCloud(settings)
    ran_already = cloud.status().running
    with console(stderr=True).status("Starting") as spinner:
        status = cloud.up(spinner.update)
    _show(status, json=json)
    if ran_already:
        say("It was running before, and is up to date.")
    elif not detach:
        with Console(Target(status.stack, status)) as running:
            say(f"The console: {running.link}")
            say("Ctrl-C stops it.")
            cloud.run_until_stopped()
        say("Stopped.")


def down(*, json: Json = False) -> None:
    """Stop the local cloud. All its data is deleted.

    Example: gatehouse down
    """
    stopped = LocalCloud().down()
    if json:
        write_json({"stopped": stopped})
    else:
        say("Stopped." if stopped else "Nothing was running.")


def status(*, json: Json = False) -> None:
    """Show whether the local cloud runs, and how to reach it. Exit code 3 if it does not run.

    Example: gatehouse status --json
    """
    found = LocalCloud().status()
    _show(found, json=json)
    if not found.running:
        raise typer.Exit(UNREACHABLE)


def _lambda(status: LocalCloudStatus) -> str:
    """How many calls of Lambda may run at once, and how many were throttled."""
    limit = f"{status.lambda_concurrency} calls at once (GATEHOUSE_LAMBDA_CONCURRENCY)"
    if status.lambda_throttled is None:
        return limit
    last = datetime.fromtimestamp(status.lambda_throttled.last_at, UTC)
    return f"{limit}; at the limit: {status.lambda_throttled.calls:,} calls throttled, the last at {last:%H:%M:%S} UTC"


def _show(status: LocalCloudStatus, *, json: bool) -> None:
    if json:
        write_json(status)
    elif not status.running:
        say(f"No local cloud runs in {status.home}. Start one: gatehouse up")
    else:
        write_facts(
            {
                "AWS endpoint": status.endpoint,
                "MQTT broker": f"{status.mqtt_host}:{status.mqtt_port} (mutual TLS)",
                "Broker's CA": status.broker_ca,
                "Region, account": f"{status.region}, {status.account}",
                "Access key": f"{status.access_key_id}; its secret: gatehouse status --json",
                "Lambda": _lambda(status),
                "Approvals": status.outputs.get("ApprovalsUrl"),
                "State": status.home,
                "Process": status.pid,
            }
        )
