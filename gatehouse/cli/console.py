"""``gatehouse console``: shows admissions live, in a browser on this machine."""

import signal
import threading
from typing import Annotated

import typer

from gatehouse.cli.context import target
from gatehouse.cli.output import Json, say, write_json
from gatehouse.errors import Unreachable

DEFAULT_PORT = 8470

Port = Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 uses a free one.")]
Redrive = Annotated[
    bool,
    typer.Option(
        "--allow-redrive", help="Allow redriving failed executions on AWS. On the local cloud it is always allowed."
    ),
]
Open = Annotated[bool, typer.Option("--open", help="Open it in the browser.")]


def console(
    context: typer.Context,
    *,
    port: Port = DEFAULT_PORT,
    allow_redrive: Redrive = False,
    open_: Open = False,
    json: Json = False,
) -> None:
    """Show admissions, approvals and revocation lists in a browser on this machine. Read-only, except redrives. Ctrl-C stops it.

    Example: gatehouse --local console --open
    """
    from gatehouse.console.server import Console

    aim = target(context)
    aim.output("StateMachineArn")  # a missing stack is reported here and not in the browser
    try:
        running = Console(aim, port=port, allow_redrive=allow_redrive)
    except OSError as error:
        raise Unreachable(f"The console cannot listen on 127.0.0.1:{port}: {error.strerror}. Try --port 0.") from error
    with running:
        if json:
            write_json({"link": running.link})
        else:
            say(f"The console: {running.link}")
            say("Anyone who has the link can open the console. Ctrl-C stops it.")
        if open_:
            typer.launch(running.link)
        _wait_for_a_signal()


def _wait_for_a_signal() -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
