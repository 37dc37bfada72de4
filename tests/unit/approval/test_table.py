"""Requests as a spreadsheet sees them: text, whatever anybody wrote."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.approvals import NOW, after, delegation, person, request, standing_in
from workflows.approval.table import COLUMNS, cell, csv_lines

ADA, SAM, DAN = person("ada", "quality"), person("sam", "security"), person("dan", "clerks")


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_request_with_its_signatures() -> None:
    decided = after(request(), ADA, standing_in(SAM, delegation(ADA, DAN)))
    [line] = read("".join(csv_lines([decided], at=NOW, head=True)))
    assert list(line) == list(COLUMNS)
    assert (line["status"], line["delivery"], line["device"]) == ("approved", "owed", "pump-0042")
    first, second = line["signatures"].split(" | ")
    assert first.startswith("Ada (quality), ada, 2026-11-23T12:01:00+00:00: approve. Approval: I have reviewed")
    assert first.endswith("Reason: Matches delivery note 7")
    assert second.startswith("Sam (security)")


def test_an_overdue_request_is_expired_although_nobody_said_so_yet() -> None:
    [line] = read("".join(csv_lines([request()], at=request().decide_by, head=True)))
    assert line["status"] == "expired"


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", "  =", "\u202e=", "\N{FULLWIDTH EQUALS SIGN}"]
)
def test_what_begins_like_a_formula_is_text(start: str) -> None:
    hostile = replace(request(), device=f'{start}HYPERLINK("https://evil.example")', site=f"{start}1+1")
    [line] = read("".join(csv_lines([hostile], at=NOW, head=True)))
    assert line["device"].startswith("'")
    assert line["site"].startswith("'")


@given(st.text())
def test_every_line_is_one_line_whatever_a_cell_holds(text: str) -> None:
    odd = replace(request(), device=text, site=text, entered_by=text)
    made = csv_lines([odd], at=NOW, head=False)
    assert len(made) == 1
    assert made[0].count("\n") == 1
    [cells] = csv.reader(io.StringIO(made[0], newline=""))
    assert len(cells) == len(COLUMNS)
    assert all(not one.startswith(("=", "+", "-", "@", "\t", "\r")) for one in cells)


@given(st.text())
def test_a_cell_has_no_control_or_direction_characters(text: str) -> None:
    assert all(character.isprintable() or character == " " or ord(character) > 127 for character in cell(text))
    assert "\u202e" not in cell(text)
