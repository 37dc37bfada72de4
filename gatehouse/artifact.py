"""The zip that functions run from: our own code and configuration, and for AWS the packages beside it.

The same input is the same zip, byte for byte: entries are sorted, dated 1980, and bytecode is checked by content, not by time.
"""

import hashlib
import io
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from workflows.errors import GatehouseError

RUNTIME = "3.13"
PLATFORM = "aarch64-manylinux_2_28"
"""Lambda's python3.13 on arm64 is Amazon Linux 2023, which has glibc 2.34 (AWS Lambda developer guide, Lambda runtimes)."""

IN_THE_RUNTIME = ("boto3",)
"""Lambda's Python runtime has these already."""

_FOLDERS = ("workflows", "functions", "config")
_SUFFIXES = frozenset({".py", ".pyc", ".json", ".toml", ".html", ".css", ".js", ".svg", ".txt", ".pem"})
_LEFT_OUT = (
    "/.lock",
    "/tests/",
    "/openapi/swagger_ui/",
    "/RECORD",
    "/INSTALLER",
    "/direct_url.json",
    "/REQUESTED",
    "/uv_cache.json",
)
_EPOCH = (1980, 1, 1, 0, 0, 0)


class BuildFailed(GatehouseError):  # noqa: N818
    """The artifact could not be built; the message has the tool's own words."""


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A zip and its SHA-256 in hex."""

    content: bytes
    sha256: str


def own_code(repository: Path) -> Artifact:
    """Zip the functions' code and configuration of a checkout. Packages have to come from elsewhere."""
    return _zipped(_own_files(repository))


def for_lambda(repository: Path, workplace: Path) -> Artifact:
    """Zip everything a Lambda needs, built in the empty folder `workplace`. Raises `BuildFailed`.

    Packages come from the lock, as wheels for Lambda's platform, whatever this machine is.
    """
    shutil.rmtree(workplace, ignore_errors=True)
    _run(
        *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(workplace)),
        *("--python-version", RUNTIME, "--python-platform", PLATFORM, "--only-binary", ":all:"),
        *("--constraint", str(repository / "requirements.lock"), *_packages(repository)),
    )
    for name, content in _own_files(repository):
        path = workplace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    _compile(workplace)
    return _zipped(_all_files(workplace))


def _packages(repository: Path) -> list[str]:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [package for package in project["dependencies"] if not package.startswith(IN_THE_RUNTIME)]


def _compile(folder: Path) -> None:
    """Compile bytecode beside each file, which halves import time. Needs the runtime's own Python: bytecode is of one version."""
    python = shutil.which(f"python{RUNTIME}")
    version = subprocess.run([python, "-V"], capture_output=True, text=True, check=False) if python else None
    if python is None or version is None or version.returncode:
        raise BuildFailed(
            f"python{RUNTIME} was not found, or does not run. Expected it on the PATH: Lambda runs Python {RUNTIME}, and bytecode "
            "is compiled by the version that runs it. Install it, or put its folder on the PATH."
        )
    _run(
        python,
        "-m",
        "compileall",
        "-q",
        "-j",
        "0",
        "--invalidation-mode",
        "unchecked-hash",
        "-s",
        str(folder),
        str(folder),
    )


def _own_files(repository: Path) -> Iterator[tuple[str, bytes]]:
    for folder in _FOLDERS:
        for path in (repository / folder).rglob("*"):
            if path.is_file() and path.suffix in _SUFFIXES and "__pycache__" not in path.parts:
                yield path.relative_to(repository).as_posix(), path.read_bytes()


def _all_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not any(part in f"/{name}" for part in _LEFT_OUT) and not name.startswith("bin/"):
            yield name, path.read_bytes()


def _zipped(files: Iterable[tuple[str, bytes]]) -> Artifact:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return Artifact(content=buffer.getvalue(), sha256=hashlib.sha256(buffer.getvalue()).hexdigest())


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"{' '.join(command[:5])} … failed:\n{done.stderr.strip() or done.stdout.strip()}")


def main() -> None:
    """``python -m gatehouse.artifact``: write ``build/gatehouse.zip`` and say how large it is."""
    repository = Path(__file__).parents[1]
    target = repository / "build" / "gatehouse.zip"
    try:
        built = for_lambda(repository, repository / "build" / "package")
    except BuildFailed as failed:
        sys.exit(str(failed))
    target.write_bytes(built.content)
    entries = len(zipfile.ZipFile(target).namelist())
    sys.stdout.write(
        f"{target.relative_to(repository)}: {len(built.content) / 1e6:.1f} MB, {entries} files, sha256 {built.sha256}\n"
    )


if __name__ == "__main__":
    main()
