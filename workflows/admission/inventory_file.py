"""The inventory as a CSV file: from bytes to `DeviceRecord`s, or to a list of all problems; and back.

One line is one lookup key: ``certificate_sha256``, or ``serial`` with ``issuer_key``, or ``name`` (the certificate's common name), with
``issuer_key`` if only that CA's devices count.
A line with two keys is refused, since its author's intention is not clear. A device may have several lines.
Every cell is text: nothing is evaluated, and a formula stays text. No line of a file with a problem is used.
"""

import csv
import difflib
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from workflows.admission import inventory_cells as cells
from workflows.admission.contracts import DeviceRecord
from workflows.admission.inventory import kind_of
from workflows.errors import BadInput

COLUMNS = (
    "device",
    "certificate_sha256",
    "serial",
    "issuer_key",
    "name",
    "effect",
    "product",
    "site",
    "thing_type",
    "groups",
    "attributes",
    "policy_profile",
    "expires_at",
    "note",
)
SEPARATORS = ",;\t"
PROBLEMS_SHOWN = 20


class Problem(Struct, frozen=True, kw_only=True):
    """One thing wrong. `line` is where the record starts (1-based), `column` is None if the problem is the whole line."""

    line: int
    column: str | None
    message: str

    def __str__(self) -> str:
        return f"line {self.line}{f', {self.column}' if self.column else ''}: {self.message}"


class InventoryInvalid(BadInput):
    """The file cannot be imported; no line of it was. `problems` holds every problem, in the file's order."""

    def __init__(self, problems: Collection[Problem]) -> None:
        self.problems = tuple(problems)
        shown = [str(problem) for problem in self.problems[:PROBLEMS_SHOWN]]
        if more := len(self.problems) - len(shown):
            shown.append(f"… and {more} more.")
        super().__init__("The inventory cannot be imported; nothing was written.\n" + "\n".join(shown))


class InventoryFile(Struct, frozen=True, kw_only=True):
    """The content of a file. `lines` gives the line of each record, for later messages."""

    records: tuple[DeviceRecord, ...]
    lines: tuple[int, ...]


def parse(data: bytes, *, profiles: Collection[str] | None, entered_by: str, at: datetime) -> InventoryFile:
    """Read a CSV file: UTF-8 with or without BOM; comma, semicolon or tab; any line ending.

    `profiles` are the policy profiles that exist; None: their names are not checked. `at` becomes `entered_at`.
    Raises `InventoryInvalid` with every wrong line.
    """
    text = _decode(data)
    header, separator = _header(text)
    records: list[DeviceRecord] = []
    lines: list[int] = []
    problems: list[Problem] = []
    first_line: dict[str, int] = {}
    for line, row in _rows(text, separator, problems):
        try:
            record = _record(line, _named(line, row, header), profiles, entered_by, at)
        except _Wrong as wrong:
            problems += wrong.problems
            continue
        before = first_line.setdefault(record.lookup_key, line)
        if before != line:
            message = f"the lookup key `{record.lookup_key}` is on line {before} already; remove one of the two."
            problems.append(Problem(line=line, column=None, message=message))
        records.append(record)
        lines.append(line)
    if not records and not problems:
        problems.append(Problem(line=2, column=None, message="there is no device below the line of column names."))
    if problems:
        raise InventoryInvalid(sorted(problems, key=lambda problem: problem.line))
    return InventoryFile(records=tuple(records), lines=tuple(lines))


def render(records: Iterable[DeviceRecord]) -> str:
    """The records as a file that `parse` reads back unchanged, except for who entered them and when, which the file does not say."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for record in records:
        shared = {name: value for name, value in structs.asdict(record).items() if name in COLUMNS}
        writer.writerow(
            shared
            | key_cells(record.lookup_key)
            | {
                "groups": ";".join(record.groups),
                "attributes": ";".join(f"{name}={value}" for name, value in record.attributes.items()),
                "expires_at": record.expires_at.isoformat() if record.expires_at else "",
            }
        )
    return text.getvalue()


def key_cells(lookup_key: str) -> dict[str, str]:
    """A record's key as cells: ``certificate_sha256``; ``serial`` and ``issuer_key``; or ``name``, perhaps with ``issuer_key``.

    Raises ValueError for a key that is not a record's.
    """
    kind, rest = kind_of(lookup_key), lookup_key.partition("#")[2]
    if kind == "serial":
        issuer_key, _, serial = rest.partition("#")
        return {"issuer_key": issuer_key, "serial": serial}
    if lookup_key.startswith("issuer-name#"):
        issuer_key, _, name = rest.partition("#")
        return {"issuer_key": issuer_key, "name": name}
    return {"certificate_sha256" if kind == "certificate" else "name": rest}


class _Wrong(Exception):  # noqa: N818 - collected, never seen outside
    def __init__(self, *problems: Problem) -> None:
        self.problems = problems


def _decode(data: bytes) -> str:
    if data.startswith(b"PK\x03\x04"):
        raise _whole_file("this is a spreadsheet workbook; save it as “CSV UTF-8” and import that.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _whole_file("the text is UTF-16; save it as “CSV UTF-8”.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as “CSV UTF-8”."
        raise InventoryInvalid([Problem(line=line, column=None, message=message)]) from error


def _header(text: str) -> tuple[list[str], str]:
    """The column names, and the separator with which most of them are known."""
    candidates = []
    for separator in SEPARATORS:
        try:
            names = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), [])
        except csv.Error:
            names = []
        header = [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in names]
        candidates.append((len(set(header) & set(COLUMNS)), header, separator))
    _, header, separator = max(candidates, key=lambda candidate: candidate[0])
    if not any(header):
        raise _whole_file(f"the first line is empty; expected the column names: {', '.join(COLUMNS)}.")
    problems = [_unknown_column(name) for name in header if name not in COLUMNS]
    problems += [
        Problem(line=1, column=name, message="the column is there twice or more.")
        for name in sorted({name for name in header if header.count(name) > 1})
    ]
    if "device" not in header:
        problems.append(Problem(line=1, column="device", message="the column is missing; every line names its device."))
    if problems:
        raise InventoryInvalid(problems)
    return header, separator


def _unknown_column(name: str) -> Problem:
    shown = cells.shown(name)
    if not name:
        return Problem(line=1, column=None, message="a column has no name.")
    close = difflib.get_close_matches(name, COLUMNS, n=1)
    hint = f"Did you mean `{close[0]}`?" if close else f"Known columns: {', '.join(COLUMNS)}."
    return Problem(line=1, column=None, message=f"unknown column {shown}. {hint}")


def _rows(text: str, separator: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """The rows below the column names, each with the line on which it starts; a syntax error ends the file and becomes a problem."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    start = 1
    try:
        for row in reader:
            if start > 1 and any(cell.strip() for cell in row):
                yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        message = f"{error}. A quotation mark inside a cell is written twice, and a quoted cell ends with one."
        problems.append(Problem(line=start, column=None, message=message))


def _named(line: int, row: list[str], header: list[str]) -> dict[str, str]:
    if len(row) != len(header):
        message = f"{len(row)} cells; the line of column names has {len(header)}."
        raise _Wrong(Problem(line=line, column=None, message=message))
    return {name: cell.strip() for name, cell in zip(header, row, strict=True)}


def _record(
    line: int, row: Mapping[str, str], profiles: Collection[str] | None, entered_by: str, at: datetime
) -> DeviceRecord:
    problems: list[Problem] = []

    def cell(column: str, read: Callable[[str], Any], default: Any) -> Any:
        """The cell's value; a problem is noted, and the next cell is still read."""
        try:
            return read(cells.plain_text(row[column])) if row.get(column) else default
        except ValueError as error:
            problems.append(Problem(line=line, column=column, message=str(error)))
            return default

    record = {
        "device": cell("device", cells.thing_name, ""),
        "effect": cell("effect", cells.effect, "allow"),
        "product": cell("product", cells.label, ""),
        "site": cell("site", cells.label, ""),
        "thing_type": cell("thing_type", cells.thing_name, ""),
        "groups": cell("groups", cells.groups, ()),
        "attributes": cell("attributes", cells.attributes, {}),
        "policy_profile": cell(
            "policy_profile", lambda text: text if profiles is None else cells.one_of(text, profiles), "device"
        ),
        "expires_at": cell("expires_at", cells.moment, None),
        "note": cell("note", cells.note, ""),
    }
    keys = {
        "certificate_sha256": cell("certificate_sha256", cells.sha256, None),
        "serial": cell("serial", cells.serial, None),
        "issuer_key": cell("issuer_key", cells.sha256, None),
        "name": cell("name", cells.common_name, None),
    }
    if not row.get("device"):
        problems.append(Problem(line=line, column="device", message="is empty; it becomes the thing's name."))
    if not problems:
        record["lookup_key"] = _lookup_key(line, keys)
        return DeviceRecord(**record, entered_by=entered_by, entered_at=at)
    raise _Wrong(*problems)


def _lookup_key(line: int, keys: Mapping[str, str | None]) -> str:
    given = sorted(column for column, value in keys.items() if value is not None)
    match given:
        case ["certificate_sha256"]:
            return f"certificate#{keys['certificate_sha256']}"
        case ["issuer_key", "serial"]:
            return f"serial#{keys['issuer_key']}#{keys['serial']}"
        case ["issuer_key", "name"]:
            return f"issuer-name#{keys['issuer_key']}#{keys['name']}"
        case ["name"]:
            return f"name#{keys['name']}"
        case ["serial"]:
            message = "`serial` needs `issuer_key`: a serial number is only unique together with its issuer."
        case ["issuer_key"]:
            message = "`issuer_key` needs `serial` or `name`: alone it would allow every device of that CA."
        case []:
            message = "no lookup key: give `certificate_sha256`, `serial` and `issuer_key`, or `name`, best with `issuer_key`."
        case _:
            message = (
                f"more than one lookup key ({', '.join(given)}): keep one, and write the other on a line of its own."
            )
    raise _Wrong(Problem(line=line, column=None, message=message))


def _whole_file(message: str) -> InventoryInvalid:
    return InventoryInvalid([Problem(line=1, column=None, message=message)])
