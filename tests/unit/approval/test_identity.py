"""Whose name is whose: one normal form, and every form of a name bars whoever entered a device."""

import ast
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.approvals import NOW, ballot, delegation, person, request, standing_in, unsigned
from workflows.approval.identity import entered_as, entered_by, may_be, normal, same
from workflows.approval.votes import Accepted, Refused, Voter, cast

ROOT = Path(__file__).parents[3]
ADA = person(
    "0f3c-uuid",
    name="Ada Lovelace",
    known_as=("ada7", "Ada@Example.com"),
    identified_as=("0f3c-uuid", "Ada@Example.com"),
)
SESSION = "arn:aws:sts::123456789012:assumed-role/Operators/"

names = st.text(max_size=40)


@given(names)
def test_the_normal_form_of_a_normal_form_is_itself(name: str) -> None:
    assert normal(normal(name)) == normal(name)


@given(names, st.sampled_from(("NFC", "NFD", "NFKC", "NFKD")))
def test_no_unicode_form_and_no_case_makes_another_name(name: str, form: str) -> None:
    written = unicodedata.normalize(form, name)  # type: ignore[arg-type]
    assert normal(written) == normal(name)
    assert normal(name.casefold()) == normal(name)
    assert normal(f"\t{name}\N{NO-BREAK SPACE} \n") == normal(name)


@pytest.mark.parametrize(
    "written",
    [
        "ada lovelace",
        "  Ada \t Lovelace\n",
        "Ada\N{NO-BREAK SPACE}Lovelace",
        "ＡＤＡ Lovelace",  # noqa: RUF001 - full-width
        "A\N{ZERO WIDTH SPACE}da Love\N{SOFT HYPHEN}lace",
        "Ada\N{HANGUL FILLER} Lovelace",
        "\N{RIGHT-TO-LEFT OVERRIDE}Ada Lovelace",
    ],
)
def test_one_name_however_it_is_written(written: str) -> None:
    assert same(written, "Ada Lovelace")


def test_what_nobody_sees_is_nobodys_name() -> None:
    assert not same("", "")
    assert not same(" ", "\N{ZERO WIDTH SPACE}")
    assert not may_be([" ", ""], ["", "\N{ZERO WIDTH SPACE}"])


@pytest.mark.parametrize(
    "written",
    [
        "0f3c-uuid",
        "ada7",
        "ada@example.com",
        "ADA@EXAMPLE.COM",
        "Ada Lovelace",
        "ada  lovelace ",
        "ＡＤＡ　ＬＯＶＥＬＡＣＥ",  # noqa: RUF001 - full-width
        "ada",  # the address before the @, as AWS may know her
        "Ada Lovelace <ada@example.com>",
        "Deputy <ada@example.com>",
        "Ada Lovelace <someone@example.com>",
        "arn:aws:iam::123456789012:user/people/ada",
        f"{SESSION}ada@example.com",
        f"{SESSION}ada7",
        entered_by(f"{SESSION}ada", "Bob"),
        entered_by(f"{SESSION}bob", "Ada Lovelace"),
        entered_by(f"{SESSION}bob", "Ada Lovelace <ada@example.com>"),
        entered_by(f"{SESSION}bob", "Ada Lovelace (ada@example.com)"),
        entered_by(f"{SESSION}bob", '"Ada Lovelace" <someone@example.com>'),
        entered_by(f"{SESSION}bob", "Deputy <ada@example.com>"),
        entered_by(f"{SESSION}ada", "Bob <bob@example.com>"),
        entered_by(f"{SESSION}bob", "Lovelace, Ada"),
        entered_by(f"{SESSION}bob", "Lovelace, Ada <someone@example.com>"),
        entered_by(f"{SESSION}bob", "Ada Lovelace, ada@example.com"),
        entered_by(f"{SESSION}bob", "Ada Lovelace [ada@example.com]"),
        entered_by(f"{SESSION}bob", "mailto:ada@example.com"),
        entered_by(f"{SESSION}bob", "<mailto:ADA@example.com>"),
        entered_by(
            f"{SESSION}bob",
            "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}ada@example.com\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
        ),
        entered_by(f"{SESSION}bob", "\N{LEFT DOUBLE QUOTATION MARK}Ada Lovelace\N{RIGHT DOUBLE QUOTATION MARK}"),
        f"{SESSION}Ada.Lovelace",
        f"{SESSION}lovelace_ada",
        "ada-lovelace@another.example",
    ],
)
def test_attack_whoever_entered_the_device_votes_under_another_form_of_the_name(written: str) -> None:
    """Point 1: ``--entered-by "Ada Lovelace"`` left Ada able to vote."""
    standing = request(entered_by=written)
    refused = cast(standing, ADA, ballot(of=standing), at=NOW, sign=unsigned)
    assert isinstance(refused, Refused)
    assert refused.code == "self_entered"
    kim = standing_in(person("kim", "security"), delegation(ADA, person("kim")))
    lent = cast(
        standing, kim, ballot(of=standing, delegation_id=kim.delegations[0].delegation_id), at=NOW, sign=unsigned
    )
    assert isinstance(lent, Refused)
    assert lent.code == "self_entered"


@pytest.mark.parametrize(
    "written",
    ["ada@other.example", "lovelace", "Ada Byron", f"{SESSION}deploy-7", "arn:aws:iam::1:user/adah", "@", "ada@"],
)
def test_another_name_bars_nobody(written: str) -> None:
    standing = request(entered_by=written)
    assert isinstance(cast(standing, ADA, ballot(of=standing), at=NOW, sign=unsigned), Accepted)


@given(names, names)
def test_whatever_is_written_bars_whoever_bears_it(name: str, session: str) -> None:
    for written in (name, f"{SESSION}{name}", entered_by(SESSION + session, name), f"{session} <{name}>"):
        if not normal(name) or set(name + session) & set("<>()/"):
            return
        who = Voter(subject="s", name=name, groups=("quality",))
        assert may_be((who.subject, who.name), entered_as(written)), written


ELSEWHERE = {
    "workflows/approval/identity.py": "the one place",
    "workflows/approval/wording.py": "NFC of a line that is shown, compared with nothing",
}


def test_no_other_code_compares_people_by_itself() -> None:
    """Neither a fold of its own nor a Unicode form of its own, wherever people are dealt with."""
    found = {}
    for room in ("workflows/approval", "functions/approval", "functions/shared"):
        for path in sorted((ROOT / room).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr in {"casefold", "normalize"} and name not in ELSEWHERE:
                    found[f"{name}:{node.lineno}"] = node.attr
                of_people = room.endswith("approval") or {"approval", "delegation", "mail"} & set(path.stem.split("_"))
                if not isinstance(node, ast.Attribute) or not of_people:
                    continue
                if node.attr in {"lower", "upper"} and not _of_a_word(node):
                    found[f"{name}:{node.lineno}"] = node.attr
    assert found == {}


def _of_a_word(node: ast.Attribute) -> bool:
    """Lower case of one of our own words, or of a boolean claim, is no comparison of people."""
    return any(word in ast.unparse(node.value) for word in ("status", "resume_state", "email_verified", "_verified"))
