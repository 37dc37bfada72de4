"""Makes pages from templates. Every value is escaped, and text that others wrote is shown by `text.visible`."""

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.shared.cookies import Cookie

from functions.approval.approvals_web.pages.browser import HEADERS, base
from workflows.approval import wording
from workflows.text import harmless

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

HERE = Path(__file__).parent
ASSETS = {
    "pages.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def page(template: str, *, status: int = 200, cookies: list[Cookie] | None = None, **given: Any) -> Response[str]:
    """Returns a whole page. `given` are the values of the template. A template that uses another value fails."""
    return Response(
        status_code=status,
        content_type="text/html; charset=utf-8",
        body=_environment().get_template(template).render(**given),
        headers=dict(HEADERS),
        cookies=cookies or [],
    )


def asset(name: str) -> Response[str] | None:
    """Returns a file that the pages need; None if no file has this name.

    Its address changes with its content, so browsers may keep it for a year.
    """
    kind = ASSETS.get(name)
    if kind is None:
        return None
    headers = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(status_code=200, content_type=kind, body=_content(name), headers=headers)


@cache
def _content(name: str) -> str:
    return (HERE / "assets" / name).read_text(encoding="utf-8")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from functions.approval.approvals_web.pages.text import visible

    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(visible=visible, plain=harmless, time=_time, left=_left)
    made.globals.update(base=base, asset=_address)
    return made


def _address(name: str) -> str:
    digest = hashlib.sha256(_content(name).encode()).hexdigest()[:12]
    return f"{base()}/assets/{name}?v={digest}"


def _time(moment: datetime | None) -> "Markup":
    from markupsafe import Markup

    if moment is None:
        return Markup("")
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M} UTC")


def _left(until: datetime, at: datetime) -> str:
    return wording.remaining(until - at)
