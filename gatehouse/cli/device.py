"""``gatehouse device``: connect as a device, to test the stack."""

from pathlib import Path
from typing import Annotated

import typer

from gatehouse.cli.context import target
from gatehouse.cli.output import Json, write_facts, write_json
from gatehouse.stack.error_messages import NO, UNREACHABLE
from gatehouse.stack.target import MqttEndpoint
from workflows.errors import BadInput

app = typer.Typer(no_args_is_help=True, help="Connect as a device, to test the stack.")

CertificateFile = Annotated[
    Path, typer.Option(exists=True, dir_okay=False, readable=True, help="The device's certificate, PEM.")
]
KeyFile = Annotated[
    Path, typer.Option(exists=True, dir_okay=False, readable=True, help="The device's private key, PEM.")
]
CaFile = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, readable=True, help="CAs to trust, PEM. Default: those of the stack."),
]


@app.callback()
def device() -> None:
    """Connect as a device, to test the stack."""


@app.command()
def connect(
    context: typer.Context,
    *,
    certificate: CertificateFile,
    key: KeyFile,
    client_id: Annotated[str, typer.Option(help="The MQTT client id: the thing's name.")],
    publish: Annotated[tuple[str, str] | None, typer.Option(metavar="TOPIC MESSAGE", help="Publish at QoS 1.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="A broker other than the stack's.")] = None,
    ca_file: CaFile = None,
    json: Json = False,
) -> None:
    """Connect once over mutual TLS, and optionally publish. Exit code 1 if the connection or the message is not accepted.

    Example: gatehouse device connect --certificate d.pem --key d.key --client-id pump-0042 --publish devices/pump-0042/state on
    """
    from gatehouse.device.mqtt import Connection, MqttDevice

    where = _endpoint(context, endpoint, ca_file)
    with MqttDevice(where, certificate=certificate, key=key, client_id=client_id) as mqtt:
        answer = mqtt.connect()
        published = mqtt.publish(*publish) if publish and answer is Connection.CONNECTED else None
        facts = {"broker": f"{where.host}:{where.port}", "connection": answer.name.lower(), "published": published}
        if json:
            write_json({**facts, "why": mqtt.why})
        else:
            write_facts({**facts, "connection": answer.value, "why": mqtt.why})
    if answer is Connection.UNREACHABLE:
        raise typer.Exit(UNREACHABLE)
    if answer is not Connection.CONNECTED or published is False:
        raise typer.Exit(NO)


def _endpoint(context: typer.Context, given: str | None, ca_file: Path | None) -> MqttEndpoint:
    if given is None:
        found = target(context).mqtt_endpoint()
        return found._replace(ca_path=str(ca_file)) if ca_file else found
    host, colon, port = given.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise BadInput(f"--endpoint is {given!r}; expected HOST:PORT, such as localhost:8883.")
    return MqttEndpoint(host.strip("[]"), int(port), str(ca_file) if ca_file else None)
