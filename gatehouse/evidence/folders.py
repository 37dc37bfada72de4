"""Reads evidence from a folder on this machine. The folder is not trusted: it may contain links, devices or endless files."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import msgspec

from gatehouse.errors import NotFound
from gatehouse.evidence.files import FOLDERS, most_octets, readable
from workflows import stored
from workflows.errors import BadInput
from workflows.evidence import manifest
from workflows.evidence.failures import Failure

COMPLETE = "complete.json"
"""Written last, and not signed. It shows that the export was finished and which files it has. It proves nothing else."""
FORMAT = "gatehouse.export/2"


class Complete(msgspec.Struct, frozen=True, kw_only=True):
    """`files` are the SHA-256 of every other file of the export, by its path."""

    files: dict[str, str]
    format: str = FORMAT


class Folder:
    """The files of an exported folder. Those that cannot be read are in `failures` after `files` was read to its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.failures: list[Failure] = []
        self._devices: set[str] = set()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Key and content of each file. Raises `NotFound` if there is none."""
        paths = sorted(_below(self._folder))
        if not paths:
            raise NotFound(f"{self._folder} has no evidence. Expected a folder that `gatehouse evidence export` wrote.")
        for path in paths:
            key = _key(self._folder, path)
            try:
                data = read_file(path, most_octets(key))
            except (BadInput, OSError) as error:
                self.failures.append(Failure(key=key, rule="format", message=f"It cannot be read: {error}"))
                continue
            self._devices |= _named_in(data) if key.startswith("records/") else set()
            yield key, data

    def has_record_of(self, device: str) -> bool:
        """Whether a record names this device or certificate."""
        return device in self._devices


def complete(files: Mapping[str, bytes]) -> bytes:
    """The content of `COMPLETE`."""
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    return msgspec.json.format(msgspec.json.encode(Complete(files=hashes), order="sorted"), indent=1) + b"\n"


def unfinished(folder: Path) -> Iterator[Failure]:
    """Failures if the export was cut off, or if files are missing, changed or extra compared with its list. The list is not signed."""
    path = folder / COMPLETE
    if not path.exists():
        message = "It is missing: the export was cut off, or this folder is not an export. Export again."
        yield Failure(key=COMPLETE, rule="export", message=message)
        return
    try:
        found = stored.read(read_file(path, stored.MAX_OCTETS * 16), Complete, most=stored.MAX_OCTETS * 16)
    except (BadInput, OSError) as error:
        yield Failure(key=COMPLETE, rule="export", message=f"It cannot be read: {error}")
        return
    there = {_key(folder, one): one for one in _below(folder)} | {
        one.name: one for one in folder.iterdir() if _is_file(one)
    }
    for name, sha256 in found.files.items():
        if name not in there:
            yield Failure(key=shown(name), rule="export", message="It was exported and is missing.")
        elif _hash(there[name]) != sha256:
            yield Failure(key=shown(name), rule="export", message="It differs from the file that was exported.")
    for name in there.keys() - found.files.keys() - {COMPLETE}:
        if name.startswith(FOLDERS):
            yield Failure(key=name, rule="export", message="It was not part of the export.")


def read_file(path: Path, most: int | None = None) -> bytes:
    """Read a plain file of limited size. Raises `BadInput` for a link, a device or a larger file, and `OSError`."""
    limit = most_octets("manifests/") if most is None else most
    found = path.lstat()
    if most is not None and not stat.S_ISREG(found.st_mode):
        raise BadInput("it is a link or not a plain file. Only plain files in the folder are read.")
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise BadInput(f"it has more than {limit:,} octets.")
    return data


def place_of(path: Path) -> str | None:
    """The key of a file in an exported folder; None for a file outside of one."""
    parts = path.resolve().parts
    places = [number for number, part in enumerate(parts) if f"{part}/" in FOLDERS]
    return "/".join(parts[places[-1] :]) if places else None


def manifests_beside(path: Path, key: str) -> list[tuple[str, bytes]]:
    """For a trail entry in an exported folder: the manifests of its day and of the next day, if they are there."""
    try:
        day = date.fromisoformat(key.split("/")[1]) if key.startswith("trail/") else None
    except (ValueError, IndexError):
        day = None
    if day is None:
        return []
    root = path.resolve().parents[len(key.split("/")) - 1]
    names = [manifest.key_of(day + timedelta(days=number)) for number in (0, 1)]
    return [(name, read_file(root / name, most_octets(name))) for name in names if _is_file(root / name)]


def shown(name: str) -> str:
    """A file's name as text. Octets that are not valid UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def _below(folder: Path) -> Iterator[Path]:
    """All files of an exported folder. Links are not followed."""
    for kind in FOLDERS:
        if (folder / kind).is_symlink():
            yield folder / kind.rstrip("/")
            continue
        for place, inner, names in os.walk(folder / kind):
            yield from (Path(place, name) for name in names)
            yield from (Path(place, name) for name in inner if Path(place, name).is_symlink())


def _key(folder: Path, path: Path) -> str:
    return shown(path.relative_to(folder).as_posix())


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def _hash(path: Path) -> str | None:
    if not _is_file(path):
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named_in(data: bytes) -> set[str]:
    made = readable(data)
    return set() if made is None else {made.certificate_id, *([made.device] if made.device else [])}
