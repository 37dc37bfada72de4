"""The zip that every local function runs from.

It holds our own code only. Packages come from this environment: the engine's Python worker is this interpreter.
"""

import hashlib
import io
import zipfile
from pathlib import Path

import msgspec

_FOLDERS = ("workflows", "functions", "config")
_SUFFIXES = frozenset({".py", ".json", ".toml", ".html", ".css", ".js", ".svg", ".txt", ".pem"})
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same code is the same zip


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A zip and its SHA-256 in hex."""

    content: bytes
    sha256: str


def build(repository: Path) -> Artifact:
    """Zip the functions' code and configuration of a checkout."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in _FOLDERS:
            for path in sorted((repository / folder).rglob("*")):
                if path.is_file() and path.suffix in _SUFFIXES:
                    entry = zipfile.ZipInfo(path.relative_to(repository).as_posix(), _EPOCH)
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(entry, path.read_bytes())
    content = buffer.getvalue()
    return Artifact(content=content, sha256=hashlib.sha256(content).hexdigest())
