"""The inventory file: what can be read, and that whatever cannot is named with its line, all of it at once."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.admission import inventory_file
from workflows.admission.contracts import DeviceRecord
from workflows.admission.inventory_file import COLUMNS, InventoryInvalid

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HASH = "ab" * 32
ISSUER = "cd" * 32


def parse(text: str | bytes) -> tuple[DeviceRecord, ...]:
    data = text.encode() if isinstance(text, str) else text
    file = inventory_file.parse(data, profiles=["device", "gateway"], entered_by="arn:aws:iam::1:user/ada", at=AT)
    return file.records


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(InventoryInvalid) as caught:
        parse(text)
    return [str(problem) for problem in caught.value.problems]


def one(columns: str, *cells: str) -> DeviceRecord:
    """The record of a file with `device` and these columns and one line."""
    (record,) = parse(f"device,{columns}\npump-1,{','.join(cells)}\n")
    return record


def problem(columns: str, *cells: str) -> str:
    (found,) = problems(f"device,{columns}\npump-1,{','.join(cells)}\n")
    return found


def test_every_column_is_read() -> None:
    (record,) = parse(
        "device,certificate_sha256,effect,product,site,thing_type,groups,attributes,policy_profile,expires_at,note\n"
        f'pump-1,{HASH},deny,Pump 3000,Plant B,pump,a;b,"x=1;y=2=3",gateway,2027-01-31T18:00:00+02:00,=SUM(A1)\n'
    )
    assert record == DeviceRecord(
        lookup_key=f"certificate#{HASH}",
        device="pump-1",
        effect="deny",
        product="Pump 3000",
        site="Plant B",
        thing_type="pump",
        groups=("a", "b"),
        attributes={"x": "1", "y": "2=3"},
        policy_profile="gateway",
        entered_by="arn:aws:iam::1:user/ada",
        entered_at=AT,
        expires_at=datetime(2027, 1, 31, 16, 0, tzinfo=UTC),
        note="=SUM(A1)",
    )


def test_empty_cells_mean_the_defaults() -> None:
    record = one("name,effect,groups,attributes,policy_profile,expires_at", "pump-1.example", "", "", "", "", "")
    assert record == DeviceRecord(
        lookup_key="name#pump-1.example", device="pump-1", entered_by="arn:aws:iam::1:user/ada", entered_at=AT
    )


def test_hash_and_serial_are_brought_to_one_form() -> None:
    colons = ":".join(["AB"] * 32)
    assert one("certificate_sha256", colons).lookup_key == f"certificate#{HASH}"
    assert one("serial,issuer_key", "0x00:0A:Bc", ISSUER.upper()).lookup_key == f"serial#{ISSUER}#abc"


def test_a_day_means_its_beginning_in_utc() -> None:
    assert one("name,expires_at", "n", "2027-01-31").expires_at == datetime(2027, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
def test_separator_line_ending_and_byte_order_mark_do_not_matter(separator: str, ending: str, mark: bytes) -> None:
    text = f'device{separator}name{separator}groups{ending}pump-1{separator}Pump «1»{separator}"a;b"{ending}{ending}'
    (record,) = parse(mark + text.encode())
    assert (record.device, record.lookup_key, record.groups) == ("pump-1", "name#Pump «1»", ("a", "b"))


def test_heading_may_be_written_as_people_write() -> None:
    (record,) = parse("Device, Certificate SHA256 ,policy-profile\npump-1," + HASH + ",device\n")
    assert record.lookup_key == f"certificate#{HASH}"


def test_unknown_column_is_named_with_the_likely_one() -> None:
    assert problems("device,serail,issuer_key\n") == ["line 1: unknown column 'serail'. Did you mean `serial`?"]


def test_missing_device_column_is_named() -> None:
    assert problems("name,effect\nn,allow\n") == ["line 1, device: the column is missing; every line names its device."]


def test_column_given_twice_is_refused() -> None:
    assert problems("device,name,name\n") == ["line 1, name: the column is there twice or more."]


def test_duplicate_key_names_both_lines() -> None:
    (found,) = problems("device,name\npump-1,n\npump-2,m\npump-3,n\n")
    assert found.startswith("line 4: the lookup key `name#n` is on line 2 already")


def test_one_device_may_have_several_lookup_keys() -> None:
    assert len(parse(f"device,name,certificate_sha256\npump-1,n,\npump-1,,{HASH}\n")) == 2


@pytest.mark.parametrize(
    ("columns", "cells", "expected"),
    [
        ("certificate_sha256", ["abc"], "certificate_sha256: is 'abc'; expected a SHA-256: 64 hexadecimal digits."),
        ("serial", ["1f"], "`serial` needs `issuer_key`"),
        ("issuer_key", [ISSUER], "`issuer_key` needs `serial`"),
        ("serial,issuer_key", ["1.23457E+17", ISSUER], "the spreadsheet has rounded it"),
        ("serial,issuer_key", ["0", ISSUER], "expected a positive serial number"),
        ("serial,issuer_key", ["-5", ISSUER], "expected a positive serial number"),
        ("serial,issuer_key", ["1" * 41, ISSUER], "at most 20 octets"),
        ("name,certificate_sha256", ["n", HASH], "more than one lookup key (certificate_sha256, name)"),
        ("name", [""], "no lookup key"),
        ("name,effect", ["n", "permit"], "effect: is 'permit'; expected `allow` or `deny`."),
        ("name,groups", ["n", "a b"], "groups: is 'a b'; expected 1 to 128 of"),
        ("name,groups", ["n", ";".join(f"g{i}" for i in range(11))], "names 11 groups; a thing can be in 10"),
        ("name,attributes", ["n", "colour"], "attributes: has 'colour'; expected `name=value`"),
        ("name,attributes", ["n", "a=1;a=2"], "attributes: gives a twice"),
        ("name,attributes", ["n", "a=ü"], "attributes: is 'ü'"),
        ("name,policy_profile", ["n", "gatway"], "Did you mean `gateway`?"),
        ("name,expires_at", ["n", "31.01.2027"], "expires_at: is '31.01.2027'; expected a day such as 2027-01-31"),
        ("name,expires_at", ["n", "2027-02-30"], "expires_at: is '2027-02-30'"),
        ("name,expires_at", ["n", "2027-01-31T10:00"], "without a time zone"),
        ("name,expires_at", ["n", "0001-01-01T00:00+23:00"], "out of range"),
        ("name,note", ["n", "x" * 1001], "note: has 1001 characters"),
        ("name,note", ["n", '"two\nlines"'], "note: holds the control character '\\n'"),
        ("name", ["n\0"], "name: holds the control character '\\x00'"),
        ("name", ["n\x85m"], "name: holds the control character '\\x85'"),
        ("name", ["n", "x"], "line 2: 3 cells; the line of column names has 2."),
        ("name,effect", ["n"], "line 2: 2 cells; the line of column names has 3."),
    ],
)
def test_wrong_cell_is_named_with_got_and_expected(columns: str, cells: list[str], expected: str) -> None:
    found = problem(columns, *cells)
    assert found.startswith("line 2")
    assert expected in found


@pytest.mark.parametrize("device", ["", "pump 1", "pump.1", "../x", "p" * 129, "=1+1", "пумп"])
def test_name_that_cannot_be_a_thing_is_refused(device: str) -> None:
    (found,) = problems(f"device,name\n{device},n\n")
    assert found.startswith("line 2, device:")


def test_every_wrong_line_is_reported_and_the_rest_counted() -> None:
    text = "device,name\n" + "".join(f"bad name {i},n{i}\n" for i in range(30))
    with pytest.raises(InventoryInvalid) as caught:
        parse(text)
    assert len(caught.value.problems) == 30
    lines = str(caught.value).splitlines()
    assert lines[0] == "The inventory cannot be imported; nothing was written."
    assert lines[-1] == "… and 10 more."
    assert len(lines) == 22


def test_line_numbers_count_physical_lines() -> None:
    (found,) = problems('device,name,note\npump-1,"a ""quoted"" name",\n\n\npump-2,n,"one,two"\npump 3,m,\n')
    assert found.startswith("line 6, device")


def test_cell_of_two_lines_does_not_shift_the_numbers() -> None:
    found = problems('device,name,note\npump-1,a,"one\ntwo"\npump 2,b,\n')
    assert [problem.split(":")[0] for problem in found] == ["line 2, note", "line 4, device"]


def test_quotation_mark_never_closed_is_named_with_its_line() -> None:
    (found,) = problems('device,name\npump-1,n\npump-2,"m\npump-3,o\n')
    assert found.startswith("line 3: unexpected end of data")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "the first line is empty"),
        (b"device,name\n", "there is no device"),
        (b"PK\x03\x04rest of a workbook", "spreadsheet workbook"),
        ("device,name\npump-1,n\n".encode("utf-16"), "UTF-16"),
        ("device,name\npump-1,n\npump-2,Gerät\n".encode("latin-1"), "line 3: byte 0xe4 is not UTF-8"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "unknown column"),
    ],
)
def test_what_is_no_inventory_is_named(data: bytes, expected: str) -> None:
    assert expected in problems(data)[0]


def read_or_refuse(data: bytes) -> None:
    try:
        parse(data)
    except InventoryInvalid as error:
        assert error.problems  # noqa: PT017 - raising is allowed, not required


@given(st.binary(max_size=400))
def test_no_bytes_whatever_raise_anything_else(data: bytes) -> None:
    read_or_refuse(data)


@given(st.lists(st.lists(st.text(max_size=12), min_size=3, max_size=3), max_size=5))
def test_no_cells_whatever_raise_anything_else(rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["device", "serial", "attributes"], *rows])
    read_or_refuse(out.getvalue().encode("utf-8", "replace"))


THING_NAMES = st.text("abcXYZ019:_-", min_size=1, max_size=20)
TEXTS = (
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)
    .map(str.strip)
    .filter(bool)
)


@given(
    device=THING_NAMES,
    name=TEXTS,
    product=TEXTS,
    groups=st.lists(THING_NAMES, unique=True, max_size=4),
    attributes=st.dictionaries(THING_NAMES, st.text("ab19=[]", max_size=8), max_size=3),
    expires=st.none() | st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    separator=st.sampled_from(",;\t"),
)
def test_what_a_spreadsheet_writes_is_read_back(
    *,
    device: str,
    name: str,
    product: str,
    groups: list[str],
    attributes: dict[str, str],
    expires: datetime | None,
    separator: str,
) -> None:
    cells = {
        "device": device,
        "name": name,
        "product": product,
        "groups": ";".join(groups),
        "attributes": ";".join(f"{key}={value}" for key, value in attributes.items()),
        "expires_at": expires.isoformat() if expires else "",
    }
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, delimiter=separator, restval="")
    writer.writeheader()
    writer.writerow(cells)
    (record,) = parse(out.getvalue())
    assert record == DeviceRecord(
        lookup_key=f"name#{name}",
        device=device,
        product=product,
        groups=tuple(groups),
        attributes=attributes,
        expires_at=expires,
        entered_by="arn:aws:iam::1:user/ada",
        entered_at=AT,
    )
    assert parse(inventory_file.render([record])) == (record,)


@pytest.mark.parametrize("key", [f"certificate#{HASH}", f"serial#{ISSUER}#a0", 'name#a#b, "c"; =1+1'])
def test_every_kind_of_key_is_written_as_it_is_read(key: str) -> None:
    record = DeviceRecord(
        lookup_key=key,
        device="pump-1",
        effect="deny",
        policy_profile="gateway",
        note="x;y z",
        entered_by="arn:aws:iam::1:user/ada",
        entered_at=AT,
    )
    assert parse(inventory_file.render([record])) == (record,)
