"""Which keys may become files below a folder, on any system that the folder may be carried to."""

import os
import re
from pathlib import Path

from gatehouse.evidence.files import FOLDERS

_LONGEST = 200
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(\..*)?", re.IGNORECASE)
"""https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file"""
_PLAIN = re.compile(r"""[!#-)+-.0-9;=@A-Z\[\]^-{}~]+""")
"""ASCII letters, digits and punctuation that every file system takes: no space, `/`, `\\`, `:`, `*`, `?`, `"`, `<`, `>` and `|`."""


def refused(key: str) -> str | None:
    """Why `key` does not become a file; None if it does. Whoever may write to the bucket chooses keys."""
    parts = key.split("/")
    if not key.startswith(FOLDERS):
        return f"it is not below {', '.join(FOLDERS)}"
    for part in parts:
        if part in ("", ".", ".."):
            return "it leads out of its folder, or names none"
        if not _PLAIN.fullmatch(part) or part.endswith(".") or len(part) > _LONGEST:
            return "it has characters, or a length, that file systems do not agree on"
        if _RESERVED.fullmatch(part):
            return f"{part} is a device on Windows"
    return None


def write(root: Path, key: str, data: bytes) -> str | None:
    """Write a new file below `root`, which nobody else writes to. Returns why not: also if another key has taken its place."""
    if why := refused(key):
        return why
    path = root.joinpath(*key.split("/"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags, 0o644), "wb") as file:
            file.write(data)
    except (FileExistsError, NotADirectoryError):
        return "another key has the same place in this file system"
    return None
