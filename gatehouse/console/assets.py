"""The page's files, read once. Only files in this list are served."""

import hashlib
from functools import cache
from pathlib import Path

from msgspec import Struct

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


class Asset(Struct, frozen=True, kw_only=True):
    """One file that is served."""

    content: bytes
    type: str
    tag: str


@cache
def assets() -> dict[str, Asset]:
    """The files by path. ``/`` is the page."""
    found = {
        f"/{path.relative_to(_FOLDER).as_posix()}": _read(path)
        for path in sorted(_FOLDER.rglob("*"))
        if path.suffix in _TYPES
    }
    found["/"] = found.pop("/index.html")
    return found


def tag_of(content: bytes) -> str:
    """A strong ETag (RFC 9110 8.8.3)."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(content=content, type=_TYPES[path.suffix], tag=tag_of(content))
