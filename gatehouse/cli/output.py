"""Writes results: tables for people, JSON for programs. Results go to stdout, everything else to stderr.

A device may have chosen names, subjects and reasons: they are written as text, never as markup or terminal control codes.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workflows.text import json_text, visible

Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]

_PIPE_WIDTH = 200  # columns of a table that goes to a file or a pipe
_STYLES = {
    "admitted": "green",
    "approved": "green",
    "ACTIVE": "green",
    "good": "green",
    "refused": "red",
    "rejected": "red",
    "REVOKED": "red",
    "INACTIVE": "red",
    "revoked": "red",
    "failed": "bold red",
    "held": "yellow",
    "open": "cyan",
    "pending": "cyan",
    "PENDING_ACTIVATION": "yellow",
    "unknown": "yellow",
}


def console(*, stderr: bool = False) -> Console:
    """A console on the present stdout or stderr, which may be redirected."""
    found = Console(stderr=stderr, highlight=False)
    return found if found.is_terminal else Console(stderr=stderr, highlight=False, width=_PIPE_WIDTH)


def plain(value: object) -> str:
    """`value` as one line of text. Control and bidirectional characters are escaped."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat(timespec="seconds").replace("+00:00", "Z")
        case list() | tuple():
            return ", ".join(plain(part) for part in value) or "-"
        case dict():
            return "; ".join(f"{plain(name)}={plain(part)}" for name, part in value.items()) or "-"
    return visible(str(value)) or "-"


def styled(value: object) -> Text:
    """The text of `plain`, in the colour of its meaning."""
    text = plain(value)
    return Text(text, style=_STYLES.get(text, ""), overflow="fold")


def say(message: str) -> None:
    """One message for people, on stderr."""
    console(stderr=True).print(Text(visible(message, lines=True)))


def write_json(value: object) -> None:
    """`value` as indented JSON on stdout."""
    sys.stdout.write(json_text(value) + "\n")


def write_json_line(value: object) -> None:
    """`value` as one line of JSON on stdout, flushed: for a stream of results."""
    sys.stdout.write(json_text(value, indent=-1) + "\n")
    sys.stdout.flush()


def write_text(text: str) -> None:
    """The lines of `text` on stdout, escaped. Writes nothing if it is empty."""
    for line in text.splitlines():
        console().print(Text(plain(line) if line else ""), soft_wrap=True)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table on stdout, or the message `empty` on stderr if it has no rows."""
    table = make_table(columns, rows)
    if table.row_count:
        console().print(table)
    else:
        say(empty)


def make_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(styled(cell) for cell in row))
    return table


def write_facts(facts: Mapping[str, object]) -> None:
    """Names and values on stdout, one on each line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(Text(plain(name)), styled(value))
    console().print(table)


def write(value: Any, *, as_json: bool) -> None:
    """Write a struct or mapping: as JSON for programs, as names and values for people."""
    if as_json:
        write_json(value)
    else:
        write_facts(value if isinstance(value, Mapping) else msgspec.structs.asdict(value))
