"""The directory that a local cloud keeps everything in: readable by its owner only, with enough free space."""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from gatehouse.local_cloud.errors import HomeUnusable

NEEDED_BYTES = 200_000_000
"""What an engine with the stack and its workers writes within a demo, and some more."""
_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextlib.contextmanager
def usable(home: Path) -> Iterator[None]:
    """Make the directory, mode 0700, and look at it.

    What the system refuses of it within the block, and a full disk anywhere, becomes HomeUnusable.
    """
    try:
        _prepare(home)
        yield
    except OSError as error:
        named = isinstance(error.filename, str) and Path(error.filename).is_relative_to(home)
        if error.errno not in _FULL and not named:
            raise  # not of this directory
        raise HomeUnusable(f"{error.filename or home}: {error.strerror}. {_advice(home)}") from error


def _prepare(home: Path) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = home.stat()
    if found.st_uid != os.geteuid():
        raise HomeUnusable(f"{home} belongs to another user. {_advice(home)}")
    if stat.S_IMODE(found.st_mode) & 0o022:
        if not (home / "engine.pid").exists():  # not ours: perhaps a directory that is shared on purpose
            raise HomeUnusable(
                f"Others may write to {home}. Take that right away (chmod go-w), or choose another home."
            )
        home.chmod(0o700)
    free = shutil.disk_usage(home).free
    if free < NEEDED_BYTES:
        raise HomeUnusable(
            f"{home} has {free // 1_000_000} MB left; expected {NEEDED_BYTES // 1_000_000}. {_advice(home)}"
        )


def _advice(home: Path) -> str:
    return (
        f"The local cloud keeps its files in {home}. Make room there, or choose another directory with GATEHOUSE_HOME."
    )
