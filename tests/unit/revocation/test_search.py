"""The C library's search and Python's give the same answers."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.revocation import search


@given(
    data=st.binary(max_size=300).map(lambda one: one.replace(b"\x05", b"\x02")),
    needle=st.binary(min_size=1, max_size=4),
    start=st.integers(0, 320),
    end=st.integers(0, 320),
)
@settings(max_examples=500)
def test_same_answers(data: bytes, needle: bytes, start: int, end: int) -> None:
    found = search._memmem()
    assert found is not None, "this machine's C library has no memmem: the test has nothing to compare"
    start, end = min(start, len(data)), min(end, len(data))
    assert found(data, needle, start, end) == data.find(needle, start, end)


def test_needle_at_every_place_of_a_large_haystack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_LARGE", 1)
    needle = bytes(range(200, 222))
    for at in range(0, 5_000, 7):
        data = b"\xc8" * at + needle + b"\xdd" * 500
        assert search.find(data, needle, 0, len(data)) == at
        assert search.find(data, needle, at + 1, len(data)) == -1
        assert search.find(data, needle, 0, at + 21) == -1


def test_without_a_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_LARGE", 1)
    monkeypatch.setattr(search, "_memmem", lambda: None)
    find = partial(search.find, b"abcabc", b"ca")
    assert find(0, 6) == 2
    assert find(3, 6) == -1
