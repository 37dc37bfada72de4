"""Other people's programs that tests are held against. Where one is missing its tests are skipped, saying so; in CI they fail."""

import os
import shutil

import pytest


def require(*names: str, package: str) -> str:
    """The path of the first of `names` that is installed; `package` is Debian's name for it."""
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        message = f"{names[0]} is not installed (apt-get install {package}), so nothing was tried with it."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path
