"""JSON Schema (2020-12) of the sealed files, made from the types that write them.

The files beside this one are published. ``python -m workflows.evidence.schema`` writes them again, and a test compares them.
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
    """The schema of `kind`, as the repository has it."""
    generated = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title} | msgspec.json.schema(kind)
    text = msgspec.json.format(msgspec.json.encode(generated, order="sorted"), indent=2) + b"\n"
    return text.replace(rb'\\Z"', b'$"')  # the end of the text: in Python, and in JSON Schema (ECMA 262)


def write(folder: Path = Path(__file__).parent) -> None:
    """Write every schema into `folder`."""
    for name, (title, kind) in FILES.items():
        (folder / name).write_bytes(schema(title, kind))


if __name__ == "__main__":
    write()
