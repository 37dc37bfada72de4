"""``gatehouse approvals login`` and ``logout``: sign in and out."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gatehouse.cli.context import target
from gatehouse.cli.output import Json, say, write_json

if TYPE_CHECKING:
    from gatehouse.approval.sessions import Session
    from gatehouse.approval.sign_in.device import Grant
    from gatehouse.approval.sign_in.provider import Provider, Tokens
    from gatehouse.stack.target import Target

app = typer.Typer()


@app.command()
def login(
    context: typer.Context,
    *,
    username: Annotated[
        str | None, typer.Option(help="Sign in to the local cloud with a password, without a browser.")
    ] = None,
    no_browser: Annotated[
        bool,
        typer.Option("--no-browser", help="Print the address; then paste the one to which the browser is sent back."),
    ] = False,
    device_code: Annotated[
        bool, typer.Option("--device-code", help="Print a code to type on another device. Not supported by Cognito.")
    ] = False,
    json: Json = False,
) -> None:
    """Sign in as an approver, in a browser. With --username, type the password, or send it to stdin if that is not a terminal.

    Example: gatehouse approvals login
    """
    if sum((username is not None, no_browser, device_code)) > 1:
        raise typer.BadParameter("Choose one of --username, --no-browser and --device-code.")
    aim = target(context)
    session = _with_password(aim, username) if username is not None else _with_provider(aim, no_browser, device_code)
    if json:
        write_json({"username": session.username, "expires_at": session.expires_at})
    else:
        say(f"{session.username} is signed in.")


@app.command()
def logout(
    context: typer.Context,
    *,
    username: Annotated[str, typer.Option(help="The person to sign out.")],
    json: Json = False,
) -> None:
    """Sign out: delete a stored sign-in.

    Example: gatehouse approvals logout --username ada@example.com
    """
    from gatehouse.approval import sessions

    done = sessions.sign_out(target(context), username)
    if json:
        write_json({"signed_out": done})
    else:
        say(f"{username} is signed out." if done else f"{username} was not signed in.")


def _with_password(aim: "Target", username: str) -> "Session":
    from gatehouse.approval import sessions

    is_terminal = sys.stdin.isatty()
    password = (
        typer.prompt("Password", hide_input=True, err=True) if is_terminal else sys.stdin.readline().rstrip("\r\n")
    )
    return sessions.sign_in(aim, username, password)


def _with_provider(aim: "Target", no_browser: bool, device_code: bool) -> "Session":
    from gatehouse.approval import sessions
    from gatehouse.approval.sign_in import browser, device
    from gatehouse.approval.sign_in.provider import Provider

    provider = Provider(aim.output("OidcIssuer"), aim.output("CommandLineClientId"))
    if device_code:
        tokens = device.sign_in(provider, _show_code)
    elif no_browser:
        tokens = browser.sign_in_elsewhere(provider, _ask)
    else:
        tokens = _in_a_browser(provider)
    return sessions.keep(aim, tokens, provider.client_id)


def _in_a_browser(provider: "Provider") -> "Tokens":
    import webbrowser

    from gatehouse.approval.sign_in import browser

    def open_page(address: str) -> None:
        say("Sign in with the browser. If none opens, open this address:")
        typer.echo(address, err=True)  # not wrapped, since it is copied
        webbrowser.open(address)

    return browser.sign_in(provider, open_page, ports=browser.PORTS)


def _ask(address: str) -> str:
    say("Sign in at this address, on any machine. The browser is then sent to an address that does not answer:")
    typer.echo(address, err=True)
    return str(typer.prompt("Paste that address, or the code in it", err=True))


def _show_code(grant: "Grant") -> None:
    say(f"Open {grant.verification_uri} and type {grant.user_code}")
    if grant.verification_uri_complete:
        say(f"Or open {grant.verification_uri_complete}")
