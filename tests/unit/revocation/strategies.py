"""Entries to draw: ordinary ones, odd ones, and broken ones."""

from hypothesis import strategies as st

from tests.crl_der import (
    INVALIDITY_DATE,
    UNKNOWN,
    entry,
    extension,
    integer,
    reason,
    tlv,
)

DATES = (b"\x17\x0d261123120000Z", b"\x17\x0d000101000000Z", b"\x18\x0f20510101000000Z")
BAD_DATES = (b"\x17\x0d26112312000aZ", b"\x17\x0b2611231200Z", b"\x18\x0f20261123120000Z", b"\x17\x00", b"")
EXTENSIONS = (
    reason(1),
    reason(4),
    extension(INVALIDITY_DATE, b"\x18\x0f20260101000000Z"),
    extension(UNKNOWN, b"\x05\x00"),
)
BAD_EXTENSIONS = (
    reason(7),
    reason(8),
    reason(1, critical=True),
    extension(UNKNOWN, b"", critical=True),
    extension(INVALIDITY_DATE, b"\x17\x0d260101000000Z"),
    b"\x30\x00",
)

serials = st.one_of(
    st.integers(0, 300),
    st.integers(-300, 0),
    st.integers(1 << 60, 1 << 64),
    st.integers(1 << 150, 1 << 160),
    st.sampled_from([int.from_bytes(b"261123120000Z", "big"), 1 << 319, -(1 << 319)]),
)


@st.composite
def good_entries(draw: st.DrawFn, serial: st.SearchStrategy[int] = serials) -> bytes:
    extensions = draw(st.lists(st.sampled_from(EXTENSIONS), max_size=3, unique_by=lambda one: one[4:9]))
    return entry(draw(serial), *extensions, date=draw(st.sampled_from(DATES)))


@st.composite
def any_entries(draw: st.DrawFn) -> bytes:
    """A good entry, or one with something broken or flipped in it."""
    whole = draw(good_entries())
    how = draw(st.sampled_from(["good", "good", "good", "flip", "cut", "date", "extension", "serial"]))
    match how:
        case "flip":
            at = draw(st.integers(0, 8 * len(whole) - 1))
            return (int.from_bytes(whole, "big") ^ 1 << at).to_bytes(len(whole), "big")
        case "cut":
            return whole[: draw(st.integers(0, len(whole)))]
        case "date":
            return entry(draw(serials), date=draw(st.sampled_from(BAD_DATES)))
        case "extension":
            return entry(draw(serials), draw(st.sampled_from(BAD_EXTENSIONS)))
        case "serial":
            return entry(tlv(0x02, b"\0" + integer(draw(serials))[2:]))
        case _:
            return whole
