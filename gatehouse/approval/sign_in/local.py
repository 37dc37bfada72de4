"""Signs in to the local cloud with a password, for scripts and tests: it fills in the sign-in page as a browser does.

No client of the user pool may send a password to Cognito's API (ExplicitAuthFlows in `template.yaml`): such a sign-in always has the
scope ``aws.cognito.signin.user.admin``, with which people can change their own names. On AWS, a program cannot fill in Cognito's pages.
"""

import html
import http.client
import re
from urllib.parse import urlencode, urljoin, urlsplit

from gatehouse.approval.sign_in import browser
from gatehouse.approval.sign_in.provider import Provider, Tokens
from gatehouse.errors import NotPermitted, Unreachable

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)"')


def sign_in(provider: Provider, username: str, password: str) -> Tokens:
    """Sign in with a password. Raises `NotPermitted`, `Unreachable`."""
    return browser.sign_in_elsewhere(provider, lambda address: _fill_in(address, username, password))


def _fill_in(address: str, username: str, password: str) -> str:
    """Fill in the sign-in page. Returns the address to which it sends the browser back."""
    _, page, _ = call(address)
    status, answer, location = call(urljoin(address, "/login"), fill(page, username=username, password=password))
    if status == 302:
        return location
    why = "the page asks for more; use a browser" if "new_password" in answer else "Incorrect username or password"
    raise NotPermitted(f"{username} was not signed in: {why}. Try again: gatehouse approvals login")


def call(address: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
    """One request to this machine, as a browser makes it. Follows no redirect. Returns status, page, Location. Raises `Unreachable`."""
    parts = urlsplit(address)
    if parts.hostname not in ("127.0.0.1", "localhost"):
        raise NotPermitted(f"{address[:200]} is not on this machine. A password is sent only to this machine.")
    body = urlencode(form) if form else None
    headers = {"Host": parts.netloc} | ({"Content-Type": "application/x-www-form-urlencoded"} if form else {})
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)
    try:
        connection.request("POST" if form else "GET", f"{parts.path}?{parts.query}", body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(1_000_000).decode(errors="replace"), answer.getheader("Location") or ""
    except OSError as error:
        raise Unreachable(f"{parts.netloc} does not answer: {error}") from error
    finally:
        connection.close()


def fill(page: str, **typed: str) -> dict[str, str]:
    """The page's form with its hidden fields."""
    return {name: html.unescape(value) for name, value in _HIDDEN.findall(page)} | typed
