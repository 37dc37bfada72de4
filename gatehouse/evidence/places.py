"""Which keys may become files below a folder, so that the folder can be copied to any system."""

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
    """Why `key` cannot become a file; None if it can. Keys are not trusted: anybody who may write to the bucket chooses them."""
    parts = key.split("/")
    if not key.startswith(FOLDERS):
        return f"it is not below {', '.join(FOLDERS)}"
    for part in parts:
        if part in ("", ".", ".."):
            return "it leads out of its folder, or has an empty part"
        if not _PLAIN.fullmatch(part) or part.endswith(".") or len(part) > _LONGEST:
            return "it has characters, or a length, that not every file system allows"
        if _RESERVED.fullmatch(part):
            return f"{part} is a device on Windows"
    return None


def write(root: Path, key: str, data: bytes) -> str | None:
    """Write a new file below `root`, to which nobody else writes. Returns None, or why it cannot be written."""
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
