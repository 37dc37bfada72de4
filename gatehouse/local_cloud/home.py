"""The home directory of a local cloud, with all its files: only its owner can read it, and it needs free space."""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from gatehouse.local_cloud.errors import HomeUnusable

NEEDED_BYTES = 200_000_000
"""More than an engine with the stack and its workers writes during a demo."""
_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextlib.contextmanager
def usable(home: Path) -> Iterator[None]:
    """Make the directory with mode 0700, and check it.

    An error of the system about this directory within the block, or a full disk, becomes HomeUnusable.
    """
    try:
        _prepare(home)
        yield
    except OSError as error:
        named = isinstance(error.filename, str) and Path(error.filename).is_relative_to(home)
        if error.errno not in _FULL and not named:
            raise  # not about this directory
        raise HomeUnusable(f"{error.filename or home}: {error.strerror}. {_advice(home)}") from error


def _prepare(home: Path) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = home.stat()
    if found.st_uid != os.geteuid():
        raise HomeUnusable(f"{home} belongs to another user. {_advice(home)}")
    if stat.S_IMODE(found.st_mode) & 0o022:
        if not (home / "engine.pid").exists():  # not made by the local cloud: it may be shared on purpose
            raise HomeUnusable(
                f"Other users may write to {home}. Remove this right (chmod go-w), or choose another home."
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
