"""One meaning, one byte sequence."""

import json
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from workflows import canonical as module
from workflows.canonical import canonical, sorted_json, storable

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None, exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def is_canonical(data: bytes) -> bool:
    """As a verifier does: read, then compare."""
    try:
        return module.is_canonical(data, module.decoder(object).decode(data))
    except msgspec.MsgspecError:
        return False


@given(ANY_JSON)
def test_whatever_an_event_holds_can_be_sealed(value: object) -> None:
    """A device must not be able to choose an event or a name that cannot be sealed."""
    assert is_canonical(canonical(value))


@given(ANY_JSON)
def test_what_json_can_hold_everywhere_is_not_changed(value: object) -> None:
    made = storable(value)
    assert storable(made) == made


@given(st.dictionaries(st.text(st.characters(max_codepoint=0x7F)), ANY_JSON.map(storable)))
def test_the_quick_encoder_writes_what_the_reference_writes(value: dict[str, object]) -> None:
    """For keys in ASCII at the top, as in a vote's statement; what is beneath may fall back."""
    flat: Any = {key: part for key, part in value.items() if not isinstance(part, dict | list)}
    assert sorted_json(flat) == rfc8785.dumps(flat)


def test_numbers_are_kept_to_the_last_digit() -> None:
    value = {"big": 2**160, "safe": 2**53 - 1, "fraction": 0.1, "truth": True}
    assert json.loads(canonical(value)) == {"big": str(2**160), "safe": 2**53 - 1, "fraction": "0.1", "truth": True}


@pytest.mark.parametrize(
    "data",
    [b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1,"a":2}', b'{"a":1.0}', b'{"a":"\\u00e9"}', b'{"a":1}\n', b"", b"\xff"],
    ids=["order", "space", "duplicate key", "1.0 for 1", "escape", "newline", "empty", "no UTF-8"],
)
def test_a_second_spelling_is_not_canonical(data: bytes) -> None:
    assert not is_canonical(data)


@pytest.mark.parametrize(
    "value",
    [{"é": 1}, {"\U0001f600": 1, "\ufb33": 2}, {"x": '\x00\x1f"\\/\u2028'}],
    ids=["accent", "beyond the BMP", "escapes"],
)
def test_rare_values_are_canonical_too(value: object) -> None:
    """The quick encoder's bytes are those of RFC 8785, and where they are not, the reference decides."""
    assert is_canonical(canonical(value))
