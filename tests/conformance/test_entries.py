"""The entries: serial numbers in every disguise, reasons, and rules that hold for every entry (RFC 5280 5.3)."""

import pytest

from tests import pki
from tests.conformance.conftest import SERIAL, Expect, ca, device
from tests.crl_der import (
    CERTIFICATE_ISSUER,
    CRL_NUMBER,
    ENUMERATED,
    INVALIDITY_DATE,
    REASON_CODE,
    SEQUENCE,
    UNKNOWN,
    craft,
    entry,
    extension,
    generalized,
    integer,
    key_identifier,
    number,
    reason,
    tlv,
    utc,
)
from workflows.revocation.entries import REASONS

ENCODING = "RFC 5280 5.1 (DER)"


@pytest.mark.parametrize("code", sorted(set(REASONS) - {8}))
def test_every_reason_revokes(code: int, expect: Expect) -> None:
    """RFC 5280 5.3.1: whatever the reason, hold included."""
    verdict = expect("revoked", craft(ca(), entry(SERIAL, reason(code))))
    assert verdict.revocation_reason == REASONS[code]
    assert verdict.revocation_date == pki.NOW - pki.DAY


def test_remove_from_crl_in_a_complete_list(expect: Expect) -> None:
    """RFC 5280 5.3.1: removeFromCRL stands in deltas only. Taken at its word here, it would un-revoke."""
    for serial in (SERIAL, SERIAL + 1):
        expect("unknown", craft(ca(), entry(serial, reason(8))), clause="RFC 5280 5.3.1")


@pytest.mark.parametrize("code", [7, 11, 127, 255])
def test_reason_that_there_is_not(code: int, expect: Expect) -> None:
    """RFC 5280 5.3.1: 7 is not used, and there is none above 10."""
    expect("unknown", craft(ca(), entry(SERIAL + 1, reason(code))), clause="RFC 5280 5.3.1")


@pytest.mark.parametrize("value", [b"\x02\x01\x01", b"\x0a\x02\x00\x01", b"\x0a\x00", b"\x0a\x01\x01\x00", b""])
def test_reason_malformed(value: bytes, expect: Expect) -> None:
    """RFC 5280 5.3.1: one ENUMERATED in its shortest form."""
    expect("unknown", craft(ca(), entry(SERIAL + 1, extension(REASON_CODE, value))), clause=ENCODING)


def test_reason_critical(expect: Expect) -> None:
    """RFC 5280 5.3.1: reasonCode is non-critical."""
    expect("unknown", craft(ca(), entry(SERIAL + 1, reason(1, critical=True))), clause="RFC 5280 5.3")


def test_entry_extension_twice(expect: Expect) -> None:
    """RFC 5280 4.2: a hold and a compromise on one entry; neither can be believed."""
    for serial in (SERIAL, SERIAL + 1):
        expect("unknown", craft(ca(), entry(serial, reason(6), reason(1))), clause=ENCODING)


def test_entry_of_another_issuer(expect: Expect) -> None:
    """RFC 5280 5.3.3: an entry that names a certificateIssuer belongs to an indirect list; it binds what follows too."""
    names = tlv(SEQUENCE, tlv(0xA4, pki.name("Other CA").public_bytes()))
    named = entry(SERIAL + 1, extension(CERTIFICATE_ISSUER, names, critical=True))
    expect("unknown", craft(ca(), named, entry(SERIAL)), clause="RFC 5280 5.3.3")
    unmarked = entry(SERIAL + 1, extension(CERTIFICATE_ISSUER, names))
    expect("unknown", craft(ca(), unmarked, entry(SERIAL)), clause="RFC 5280 5.3.3")


def test_invalidity_date(expect: Expect) -> None:
    """RFC 5280 5.3.2: allowed beside a reason, in either order, and malformed it is noticed."""
    since = extension(INVALIDITY_DATE, generalized(pki.NOW - pki.YEAR))
    expect("revoked", craft(ca(), entry(SERIAL, reason(1), since)))
    expect("revoked", craft(ca(), entry(SERIAL, since, reason(1))))
    wrong = extension(INVALIDITY_DATE, utc(pki.NOW))
    expect("unknown", craft(ca(), entry(SERIAL + 1, wrong)), clause=ENCODING)


def test_unknown_entry_extension(expect: Expect) -> None:
    """RFC 5280 5.3: one that is not critical is ignored; the entry revokes."""
    expect("revoked", craft(ca(), entry(SERIAL, extension(UNKNOWN, b"\x05\x00"))))
    expect("good", craft(ca(), entry(SERIAL + 1, extension(UNKNOWN, b"\x05\x00"))))


def test_entry_extensions_present_and_empty(expect: Expect) -> None:
    """RFC 5280 5.1: Extensions is a SEQUENCE SIZE (1..MAX)."""
    expect("unknown", craft(ca(), tlv(SEQUENCE, integer(SERIAL), utc(pki.NOW), b"\x30\x00")), clause=ENCODING)


def test_field_after_the_entry_extensions(expect: Expect) -> None:
    """RFC 5280 5.1: an entry ends with its extensions."""
    one = tlv(SEQUENCE, integer(SERIAL + 1), utc(pki.NOW), tlv(SEQUENCE, reason(1)), b"\x05\x00")
    expect("unknown", craft(ca(), one), clause=ENCODING)


def test_octets_between_entries(expect: Expect) -> None:
    """RFC 5280 5.1: there is nothing but entries among the entries."""
    expect("unknown", craft(ca(), entry(1), b"\x05\x00", entry(2)), clause=ENCODING)


def test_serial_padded(expect: Expect) -> None:
    """X.690 8.3.2: the device's own serial with a zero in front is not its encoding, and must not hide it."""
    padded = SERIAL.to_bytes(SERIAL.bit_length() // 8 + 1, "big")
    expect("revoked", craft(ca(), entry(tlv(0x02, padded))))
    expect("unknown", craft(ca(), entry(tlv(0x02, b"\0" + padded))), clause=ENCODING)


def test_serial_in_long_form(expect: Expect) -> None:
    """X.690 10.1: the device's serial under a length that is not the shortest."""
    content = integer(SERIAL)[2:]
    expect("unknown", craft(ca(), entry(b"\x02\x81" + bytes([len(content)]) + content)), clause=ENCODING)


def test_serial_empty(expect: Expect) -> None:
    """X.690 8.3.1: an integer has at least one octet."""
    expect("unknown", craft(ca(), entry(b"\x02\x00")), clause=ENCODING)


@pytest.mark.parametrize("serial", [0, -1, -128, -129, 127, 128, 255, 256, 1 << 159, 1 << 400])
def test_unusual_serials_elsewhere(serial: int, expect: Expect) -> None:
    """RFC 5280 4.1.2.2: zero, negative and very long serials of other certificates are read, and are not ours."""
    expect("good", craft(ca(), entry(serial)))
    expect("revoked", craft(ca(), entry(serial), entry(SERIAL)))


@pytest.mark.parametrize("serial", [1, 127, 128, 255, 256, (1 << 159) - 1])
def test_sign_and_length_of_a_serial_are_kept_apart(serial: int, expect: Expect) -> None:
    """255 is 00FF and -1 is FF; 1 is not 256."""
    one = pki.device(ca(), serial=serial)
    expect("revoked", craft(ca(), entry(serial)), certificate=one)
    for other in (-serial, serial - 256, serial + 256, serial << 8, serial ^ 1):
        if other != serial:
            expect("good", craft(ca(), entry(other)), certificate=one)


def test_serial_inside_another(expect: Expect) -> None:
    """The device's serial, tag and length included, as part of a longer serial."""
    longer = b"\x01" + integer(SERIAL) + b"\x01"
    expect("good", craft(ca(), entry(tlv(0x02, longer))))


def test_serial_in_places_where_none_stands(expect: Expect) -> None:
    """The device's serial inside an entry's extension, and among the list's extensions, revokes nobody."""
    decoy = integer(SERIAL)
    expect("good", craft(ca(), entry(1, extension(UNKNOWN, decoy)), entry(2, extension(UNKNOWN, entry(SERIAL)))))
    expect("good", craft(ca(), more=[extension(UNKNOWN, entry(SERIAL))]))
    value = int.from_bytes(b"\x01" + integer(0x1234)[1:], "big")
    short = pki.device(ca(), serial=0x1234)
    expect("good", craft(ca(), extensions=[key_identifier(ca()), number(value)]), certificate=short)
    assert CRL_NUMBER  # the number's own octets are an INTEGER too


def test_serial_inside_a_date(expect: Expect) -> None:
    """A serial whose octets are digits, as in every date."""
    digits = int.from_bytes(b"261122120000", "big")
    one = pki.device(ca(), serial=digits)
    expect("good", craft(ca(), *map(entry, range(1, 20))), certificate=one)


def test_serial_listed_twice(expect: Expect) -> None:
    """RFC 5280 5.1.2.6 foresees one entry for a certificate; of two, the one that cannot be undone is told."""
    verdict = expect("revoked", craft(ca(), entry(SERIAL, reason(6)), entry(SERIAL, reason(1))))
    assert verdict.revocation_reason == "keyCompromise"


def test_first_middle_and_last_entry(expect: Expect) -> None:
    """RFC 5280 5.1.2.6: entries are in no order, and none is skipped."""
    for place in (0, 300, 600):
        entries = [entry(number) for number in range(1, 601)]
        entries.insert(place, entry(SERIAL))
        expect("revoked", craft(ca(), *entries))


def test_enumerated_serial(expect: Expect) -> None:
    """RFC 5280 5.1: userCertificate is an INTEGER; the same octets under another tag are no entry."""
    content = integer(SERIAL)[2:]
    expect("unknown", craft(ca(), entry(tlv(ENUMERATED, content))), clause=ENCODING)


def test_serial_of_the_issuer(expect: Expect) -> None:
    """RFC 5280 5.1.2.6: a list that revokes another certificate of the same issuer leaves this one good."""
    expect("good", craft(ca(), entry(ca().certificate.serial_number)), certificate=device())
