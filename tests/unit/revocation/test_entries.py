"""The fast path over entries says exactly what the slow path says, on ordinary, odd and hostile bytes."""

from array import array
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.crl_der import INVALIDITY_DATE, UNKNOWN, entry, extension, integer, reason
from tests.unit.revocation.strategies import any_entries, good_entries, serials
from workflows.der import DerError
from workflows.revocation import entries
from workflows.revocation.entries import Entry, Shape, find, read_entry, tile, walk
from workflows.revocation.entries import serials as every_serial
from workflows.revocation.rule import RuleError


@pytest.fixture(autouse=True)
def _short_strides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fast path begin, note boundaries, and learn shapes within what a test can draw."""
    monkeypatch.setattr(entries, "STRIDE", 128)
    monkeypatch.setattr(entries, "_LEARN_AFTER", 2)


def outcome(read: Callable[[], object]) -> str | None:
    try:
        read()
    except (DerError, RuleError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def slow(data: bytes, *, delta: bool = False) -> list[Entry]:
    return list(walk(data, 0, len(data), delta=delta))


@given(data=st.lists(any_entries(), max_size=40).map(b"".join), delta=st.booleans())
@settings(max_examples=150)
def test_fast_path_accepts_what_the_slow_path_accepts(data: bytes, delta: bool) -> None:
    fast = outcome(lambda: tile(data, 0, len(data), delta=delta))
    assert fast == outcome(lambda: slow(data, delta=delta))


@given(common=good_entries(), others=st.lists(any_entries(), max_size=4))
@settings(max_examples=80)
def test_fast_path_on_long_runs_with_exceptions(common: bytes, others: list[bytes]) -> None:
    """Runs of one shape, as real lists have them, with something else in their midst."""
    run = [common] * 60
    for at, other in enumerate(others):
        run.insert(13 * at + 7, other)
    data = b"".join(run)
    assert outcome(lambda: tile(data, 0, len(data), delta=False)) == outcome(lambda: slow(data))


@given(data=st.lists(good_entries(), min_size=1, max_size=60).map(b"".join))
@settings(max_examples=60)
def test_boundaries_are_where_entries_begin(data: bytes) -> None:
    starts = {one.start for one in slow(data)} | {len(data)}
    boundaries = tile(data, 0, len(data), delta=False)
    assert boundaries[0] == 0
    assert list(boundaries) == sorted(set(boundaries))
    assert set(boundaries) <= starts


@given(
    items=st.lists(good_entries(st.one_of(serials, st.just(0x1234), st.just(7))), min_size=1, max_size=60),
    serial=st.one_of(serials, st.just(0x1234), st.just(7)),
)
@settings(max_examples=120)
def test_find_is_a_linear_search(items: list[bytes], serial: int) -> None:
    data = b"".join(items)
    content = integer(serial)[2:]
    boundaries = tile(data, 0, len(data), delta=False)
    expected = [one for one in slow(data) if one.serial == content]
    assert find(data, boundaries, len(data), content, delta=False) == expected


@given(serial=serials, before=st.integers(0, 12), after=st.integers(0, 12), there=st.booleans())
@example(serial=0x17, before=3, after=3, there=False)
@settings(max_examples=80)
def test_find_among_lookalikes(serial: int, before: int, after: int, there: bool) -> None:
    """The serial's own octets in extensions, in other serials and around them, with the entry or without it."""
    decoys = [
        entry(1 << 80, extension(UNKNOWN, integer(serial))),
        entry(1 << 81, extension(UNKNOWN, entry(serial))),
        entry(int.from_bytes(b"\x01" + integer(serial) + b"\x01", "big")),
        entry(int.from_bytes(b"\x01" + entry(serial, reason(1)), "big")),
    ]
    items = [decoys[n % 4] for n in range(before)] + [entry(serial, reason(1))] * there
    items += [decoys[n % 4] for n in range(after)]
    data = b"".join(items)
    boundaries = tile(data, 0, len(data), delta=False)
    found = find(data, boundaries, len(data), integer(serial)[2:], delta=False)
    assert [one.start for one in found] == ([len(b"".join(items[:before]))] if there else [])


def test_find_among_very_many_lookalikes() -> None:
    """More than are worth proving one at a time: one walk answers."""
    decoys = b"".join(entry(n, extension(UNKNOWN, integer(0x1234))) for n in range(1, 400))
    data = decoys + entry(0x1234)
    found = find(data, tile(data, 0, len(data), delta=False), len(data), b"\x12\x34", delta=False)
    assert [one.start for one in found] == [len(decoys)]


@given(data=st.lists(good_entries(), max_size=40).map(b"".join))
@settings(max_examples=100)
def test_serials_of_a_proven_range(data: bytes) -> None:
    assert list(every_serial(data, 0, len(data))) == [(one.serial, one.start) for one in slow(data)]


@given(
    octets=st.integers(1, 40),
    content=st.binary(min_size=40, max_size=40) | st.binary(min_size=38, max_size=38).map(lambda one: b"\0\x9a" + one),
    padded=st.booleans(),
    kinds=st.sampled_from(["", "R", "D", "RD", "DR"]),
)
@settings(max_examples=300)
def test_every_shape_is_what_the_slow_path_calls_it(octets: int, content: bytes, padded: bool, kinds: str) -> None:
    """A shape's pattern matches an entry exactly when the slow path reads it, and reads it as that shape."""
    parts = {"R": reason(1), "D": extension(INVALIDITY_DATE, b"\x18\x0f20260101000000Z")}
    data = entry(bytes([0x02, octets]) + content[:octets], *(parts[kind] for kind in kinds))
    shape = Shape(max(octets, 1 + padded), padded, kinds)
    try:
        read = read_entry(data, 0, len(data), delta=False)
    except DerError:
        read = None
    assert (entries._pattern((shape,)).fullmatch(data) is not None) == (read is not None and read.shape == shape)


def test_unproven_lists_do_not_get_much_work() -> None:
    """Whoever has not shown the list to be authentic is asked to before a thousand entries take the slow path."""
    data = b"".join(entry(n, extension(UNKNOWN, b"\x05\x00")) for n in range(1, 3_000))

    def refuse() -> None:
        raise RuleError("here", "not authentic")

    with pytest.raises(RuleError, match="not authentic"):
        tile(data, 0, len(data), delta=False, before_slow=refuse)
    assert isinstance(tile(data, 0, len(data), delta=False), array)
