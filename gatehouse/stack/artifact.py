"""The zip that functions run from: our own code and configuration, and for AWS the packages beside it.

There are two kinds. With bytecode a function starts faster; only a Python of Lambda's version can compile it. Without such a Python the
zip has only sources, and works too. The same input gives the same zip, byte for byte: entries are sorted and dated 1980, and bytecode is
not checked by time.
"""

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from workflows.errors import GatehouseError

RUNTIME = "3.13"
PLATFORM = "aarch64-manylinux_2_28"
"""Lambda's python3.13 on arm64 is Amazon Linux 2023, which has glibc 2.34 (AWS Lambda developer guide, Lambda runtimes)."""

Kind = Literal["bytecode", "source"]
LABEL = "artifact.txt"
"""The file in the zip that says how it was built. `gatehouse doctor` shows it."""

_FOLDERS = ("workflows", "functions", "config")
_SUFFIXES = frozenset({".py", ".pyc", ".json", ".toml", ".html", ".css", ".js", ".svg", ".txt", ".pem"})
_LEFT_OUT = (
    "/.lock",
    "/tests/",
    "/openapi/swagger_ui/",
    "/boto3/examples/",
    "/boto3/data/",
    "/examples-1.",
    "/RECORD",
    "/INSTALLER",
    "/direct_url.json",
    "/REQUESTED",
    "/uv_cache.json",
)
_SERVICE = re.compile(r"""\bclient\(\s*["']([a-z0-9-]+)["']""")
_EPOCH = (1980, 1, 1, 0, 0, 0)


class BuildFailed(GatehouseError):  # noqa: N818
    """The artifact could not be built. The message has the output of the tool that failed."""


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A zip, its SHA-256 in hex, and its kind."""

    content: bytes
    sha256: str
    kind: Kind


def own_code(repository: Path) -> Artifact:
    """Zip the functions' code and configuration of a checkout, without packages."""
    label = (LABEL, _label("source", "packages of this machine"))
    return _zipped([*_own_files(repository), label], "source")


def for_lambda(repository: Path, workplace: Path, python: str | None) -> Artifact:
    """Zip everything that a Lambda needs. It is built in the folder `workplace`, which is emptied. Raises `BuildFailed`.

    The lock names the packages; their wheels are for Lambda's platform. `python` compiles the bytecode; None leaves it out.
    """
    install(repository, workplace, "--python-version", RUNTIME, "--python-platform", PLATFORM)
    return assemble(repository, workplace, python)


def install(repository: Path, workplace: Path, *where: str) -> None:
    """Install the packages of a Lambda into `workplace`, in the versions of the lock. Raises `BuildFailed`."""
    shutil.rmtree(workplace, ignore_errors=True)
    _run(
        *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(workplace)),
        *(*where, "--only-binary", ":all:"),
        *("--constraint", str(repository / "requirements.lock"), *_packages(repository)),
    )


def assemble(repository: Path, workplace: Path, python: str | None) -> Artifact:
    """Zip the packages in `workplace` with our own code. Raises `BuildFailed`."""
    kind: Kind = "bytecode" if python else "source"
    for name, content in [*_own_files(repository), (LABEL, _label(kind, f"boto3 {_version(workplace, 'boto3')}"))]:
        path = workplace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    keep_services(workplace / "botocore" / "data", services(repository))
    for stale in workplace.rglob("__pycache__"):
        shutil.rmtree(stale)
    if python:
        compile_bytecode(workplace, python)
    return _zipped(_all_files(workplace), kind)


def services(repository: Path) -> frozenset[str]:
    """The AWS services of which the functions make clients, read from their code."""
    texts = (path.read_text(encoding="utf-8") for path in (repository / "functions").rglob("*.py"))
    return frozenset(service for text in texts for service in _SERVICE.findall(text))


def keep_services(data: Path, needed: frozenset[str]) -> None:
    """Remove botocore's models of all services except `needed`. Other files (endpoints, partitions, retries) stay. Raises `BuildFailed`."""
    there = {path.name for path in data.iterdir() if path.is_dir()}
    if missing := needed - there:
        raise BuildFailed(
            f"botocore has no model of {', '.join(sorted(missing))}, which the functions call. Check that it has the version of the lock."
        )
    for name in there - needed:
        shutil.rmtree(data / name)


def interpreter() -> str | None:
    """A working Python of Lambda's version: the one that runs this, or ``python3.13`` in a folder of the PATH. None if there is none.

    Each is run to get its version: pyenv's shims are on the PATH for versions that are not active, and fail.
    """
    folders = os.environ.get("PATH", "").split(os.pathsep)
    found = (shutil.which(f"python{RUNTIME}", path=folder) for folder in folders if folder)
    return next((one for one in (sys.executable, *found) if one and _is_runtime(one)), None)


_WHICH = "import sys; print(sys.implementation.name, *sys.version_info[:2], sys.version_info[3])"


def _is_runtime(python: str) -> bool:
    try:
        answer = subprocess.run([python, "-c", _WHICH], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.split() == ["cpython", *RUNTIME.split("."), "final"]


def compile_bytecode(folder: Path, python: str) -> None:
    """Compile the bytecode beside each file with `python`. Bytecode works with one version only. Raises `BuildFailed`."""
    mode = ("--invalidation-mode", "unchecked-hash", "-s", str(folder), str(folder))
    _run(python, "-m", "compileall", "-q", "-j", "0", *mode)


def _packages(repository: Path) -> list[str]:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages: list[str] = project["dependencies"]
    return packages


def _version(workplace: Path, package: str) -> str:
    """The version of an installed package, from the name of its metadata folder."""
    return next(
        (path.name.split("-")[1].removesuffix(".dist") for path in workplace.glob(f"{package}-*.dist-info")),
        "of no version",
    )


def _label(kind: Kind, packages: str) -> bytes:
    return f"{kind}, {packages}\n".encode()


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


def _zipped(files: Iterable[tuple[str, bytes]], kind: Kind) -> Artifact:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return Artifact(content=buffer.getvalue(), sha256=hashlib.sha256(buffer.getvalue()).hexdigest(), kind=kind)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"{' '.join(command[:5])} … failed:\n{done.stderr.strip() or done.stdout.strip()}")


_NO_BYTECODE = (
    f"No working Python {RUNTIME} was found, so the artifact has no bytecode. It works, but each start of a function takes longer. "
    f"To add bytecode, put python{RUNTIME} on the PATH and build again."
)


def main(arguments: list[str]) -> None:
    """``python -m gatehouse.stack.artifact [--bytecode]``: write ``build/gatehouse-KIND.zip`` and say how large it is.

    ``build/gatehouse.zip``, which the template names, is a copy of the last build. With ``--bytecode`` it fails if there is no bytecode.
    """
    if unknown := [one for one in arguments if one != "--bytecode"]:
        sys.exit(f"Expected --bytecode or nothing; got {' '.join(unknown)}.")
    repository = Path(__file__).parents[2]
    python = interpreter()
    if python is None:
        if arguments:
            sys.exit(_NO_BYTECODE)
        sys.stdout.write(f"{_NO_BYTECODE}\n")
    try:
        built = for_lambda(repository, repository / "build" / "package", python)
    except BuildFailed as failed:
        sys.exit(str(failed))
    target = repository / "build" / f"gatehouse-{built.kind}.zip"
    for path in (target, repository / "build" / "gatehouse.zip"):
        path.write_bytes(built.content)
    entries = len(zipfile.ZipFile(target).namelist())
    sys.stdout.write(
        f"{target.relative_to(repository)}: {len(built.content) / 1e6:.1f} MB, {entries} files, sha256 {built.sha256}\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
