"""What is written: a device's words stay words, whatever they hold."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.cli import output
from workflows.text import json_text


@given(st.text())
def test_text_of_a_device_becomes_one_printable_line(text: str) -> None:
    assert output.plain(text).isprintable()


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("pump\n\x07", "pump\\n\\x07"),
        ("\u202eexe.gpj", "\\u202eexe.gpj"),
        ("[red]x[/red]", "[red]x[/red]"),
    ],
)
def test_control_codes_are_shown_and_not_obeyed(hostile: str, shown: str) -> None:
    assert output.plain(hostile) == shown


def test_markup_in_a_cell_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_table(("subject",), [("[bold]CN=pump[/bold]",)], empty="")
    assert "[bold]CN=pump[/bold]" in capsys.readouterr().out


def test_values_are_written_as_people_read_them() -> None:
    assert output.plain(None) == "-"
    assert output.plain(True) == "yes"
    assert output.plain(["a", "b"]) == "a, b"
    assert output.plain({"a": 1}) == "a=1"
    assert output.plain(datetime(2027, 1, 31, 18, tzinfo=UTC)) == "2027-01-31T18:00:00Z"


def test_messages_do_not_mix_with_results(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("for people")
    output.write_json({"for": "programs"})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"for": "programs"}
    assert captured.err == "for people\n"


def test_empty_table_says_so_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_table(("a",), [], empty="Nothing there.")
    assert capsys.readouterr() == ("", "Nothing there.\n")


@given(st.text())
def test_json_is_the_same_value_with_nothing_in_it_that_a_terminal_obeys(text: str) -> None:
    value = {"name": text.encode("utf-8", "replace").decode()}
    for indent in (2, -1):
        written = json_text(value, indent=indent)
        assert json.loads(written) == value
        assert all(letter.isprintable() or letter == "\n" for letter in written)


@pytest.mark.parametrize("odd", ["\x9b31m", "\x9d0;x\x07", "\u202e", "\u2066", "\x7f", "\u2028", "\U000e0041"])
def test_attack_controls_in_json(capsys: pytest.CaptureFixture[str], odd: str) -> None:
    output.write_json({"name": odd})
    output.write_json_line({"name": odd})
    assert all(letter.isprintable() or letter == "\n" for letter in capsys.readouterr().out)
    output.say(f"of {odd}")
    assert all(letter.isprintable() or letter == "\n" for letter in capsys.readouterr().err)


def test_names_of_every_script_stay() -> None:
    assert json_text({"name": "Zoë 北京 насос مضخة"}, indent=-1) == '{"name":"Zoë 北京 насос مضخة"}'
    assert output.plain("Zoë 北京 насос مضخة") == "Zoë 北京 насос مضخة"
