"""JSON Schema (2020-12) of what is sealed, made from the types that write it.

The files beside this one are what is published; ``python -m workflows.evidence.schema`` writes them anew, and a test holds them equal.
"""

from pathlib import Path
from typing import Any

import msgspec

from workflows.evidence import audit_trail, manifest, record

FILES: dict[str, tuple[str, Any]] = {
    "record-1.schema.json": (record.FORMAT, record.Record),
    "manifest-1.schema.json": (manifest.FORMAT, manifest.Manifest),
    "trail-1.schema.json": (audit_trail.FORMAT, audit_trail.Entry),
}
"""File name → the format's name and its type."""


def schema(title: str, kind: Any) -> bytes:
    """The schema of `kind`, as it is kept in the repository."""
    generated = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title} | msgspec.json.schema(kind)
    text = msgspec.json.format(msgspec.json.encode(generated, order="sorted"), indent=2) + b"\n"
    return text.replace(
        rb'\\Z"', b'$"'
    )  # the end of the text: Python's word for it, and that of JSON Schema (ECMA 262)


def write(folder: Path = Path(__file__).parent) -> None:
    """Write every schema into `folder`."""
    for name, (title, kind) in FILES.items():
        (folder / name).write_bytes(schema(title, kind))


if __name__ == "__main__":
    write()
