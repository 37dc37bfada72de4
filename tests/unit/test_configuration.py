"""An operator's typo: the error names file, line and key, and says what would be right."""

from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from workflows import configuration
from workflows.configuration import ConfigurationInvalid


class Rule(Struct, forbid_unknown_fields=True):
    id: str
    action: Literal["auto", "hold"]
    people: dict[str, int] = {}
    within: Annotated[int, Meta(gt=0)] | None = None
    colour: Literal["red", "blue"] | None = None


class Pace(Struct, forbid_unknown_fields=True):
    rate: float


class File(Struct, forbid_unknown_fields=True):
    version: str
    pace: Pace
    rules: list[Rule] = []


GOOD = """version = "1"

[pace]
rate = 10

[[rules]]
id = "first"
action = "auto"

[[rules]]
id = "second"
action = "hold"
people = { quality = 1 }
"""


def complaint(text: str) -> str:
    with pytest.raises(ConfigurationInvalid) as raised:
        configuration.load(text, File, file="config/x.toml")
    return str(raised.value)


def test_a_good_file_is_read() -> None:
    read = configuration.load(GOOD, File, file="config/x.toml")
    assert (read.version, read.pace.rate, [rule.id for rule in read.rules]) == ("1", 10.0, ["first", "second"])


@pytest.mark.parametrize(
    ("was", "typo", "expected"),
    [
        ('version = "1"', 'verison = "1"', "config/x.toml, line 1: unknown key `verison`. Did you mean `version`?"),
        ("rate = 10", "rates = 10", "config/x.toml, line 4: unknown key `pace.rates`. Did you mean `rate`?"),
        ("rate = 10", "speed = 10", "config/x.toml, line 4: unknown key `pace.speed`. Known here: rate."),
        ("rate = 10", 'rate = "ten"', "config/x.toml, line 4: `pace.rate`: Expected `float`, got `str`."),
        (
            'action = "hold"',
            'actoin = "hold"',
            "config/x.toml, line 12: unknown key `rules[1].actoin`. Did you mean `action`?",
        ),
        (
            'action = "hold"',
            'action = "hodl"',
            "config/x.toml, line 12: `rules[1].action`: got `hodl`, expected one of `auto`, `hold`.",
        ),
        ("quality = 1", 'quality = "one"', "config/x.toml, line 13: `rules[1].people`: Expected `int`, got `str`."),
        (
            'id = "second"',
            'id = "second"\nwithin = 0',
            "config/x.toml, line 12: `rules[1].within`: Expected `int` >= 1.",
        ),
        (
            'id = "second"',
            'id = "second"\ncolour = "pink"',
            "config/x.toml, line 12: `rules[1].colour`: got `pink`, expected one of `blue`, `red`.",
        ),
        ('version = "1"\n', "", "config/x.toml: `the file`: Object missing required field `version`."),
    ],
)
def test_a_typo_is_named_with_its_line_and_the_likely_intention(was: str, typo: str, expected: str) -> None:
    assert complaint(GOOD.replace(was, typo)) == expected


def test_what_is_no_toml_says_where() -> None:
    assert complaint(GOOD.replace("rate = 10", "rate 10")).startswith("config/x.toml is not valid TOML: ")
    assert "line 4" in complaint(GOOD.replace("rate = 10", "rate 10"))
