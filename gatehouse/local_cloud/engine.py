"""The engine's process: ``python -m gatehouse.local_cloud.engine``, started by ``process.start``.

It takes the lock on the pid file, removes the files of earlier engines, applies the additions, and runs ministack on loopback. The
kernel releases the lock when the process ends, so the pid in a locked file is that of a running engine.

How credentials work in it, with ``AUTH=true``:

- The administrator is the access key in the engine's own environment, made at random at each start and written to
  ``local-cloud.json``, which only its owner may read. No policy limits it, but its signature is checked.
- The engine gives each Lambda worker ``AWS_ENDPOINT_URL`` and temporary credentials of its function's role. Calls that the
  role's policies do not allow are refused, as on AWS.
- A rule's action, a schedule or a stream runs inside the engine. Of these, the additions check only the role of the sqs action.

The environment is made by ``process.environment``: nothing of the operator's own AWS configuration reaches the engine or a Lambda.
"""

import os
import shutil
import sys
import time
from pathlib import Path

from gatehouse.local_cloud.settings import LOCK_VARIABLE

ALREADY_RUNNING = 75  # EX_TEMPFAIL: another engine holds the lock


def main() -> None:
    """Take the lock, apply the additions, serve until SIGTERM or SIGINT."""
    import fcntl

    lock = open(os.environ[LOCK_VARIABLE], "r+", encoding="ascii")  # noqa: SIM115 - held for the process's life
    for _ in range(50):  # `process.find` holds it for a moment when it checks whether an engine runs
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(0.02)
    else:
        sys.exit(ALREADY_RUNNING)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    os.umask(0o077)
    remove_leftovers(Path(os.environ["TMPDIR"]))

    from gatehouse.local_cloud import additions

    additions.apply()

    from ministack import app

    sys.argv = ["ministack"]  # ministack parses the command line
    app.main()


def remove_leftovers(own: Path) -> None:
    """Remove everything beside this engine's folder. Call it only with the lock held: then no other engine runs."""
    for left in own.parent.iterdir():
        if left.is_dir() and not left.is_symlink() and left != own:
            shutil.rmtree(left, ignore_errors=True)
        elif left != own:
            left.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
