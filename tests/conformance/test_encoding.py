"""Lists that are signed by the right key and are not the DER that RFC 5280 section 5.1 asks for."""

from datetime import UTC, datetime

import pytest

from tests import pki
from tests.conformance.conftest import SERIAL, Expect, ca, device
from tests.crl_der import (
    AUTHORITY_KEY_IDENTIFIER,
    SEQUENCE,
    algorithm,
    craft,
    entry,
    extension,
    generalized,
    integer,
    key_identifier,
    number,
    oid,
    tlv,
    utc,
)
from workflows.revocation import check
from workflows.revocation.verdict import Status

ENCODING = "RFC 5280 5.1 (DER)"


def test_control(expect: Expect) -> None:
    """A correct list counts, whether it has entries or none (RFC 5280 5.1): the other cases differ in one thing."""
    expect("good", craft(ca()))
    expect("good", craft(ca(), entry(SERIAL + 1)))
    expect("revoked", craft(ca(), entry(SERIAL)))


def test_no_list(expect: Expect) -> None:
    """RFC 5280 6.3.3: without a list the status is undetermined."""
    expect("unknown")


def test_empty_input(expect: Expect) -> None:
    """X.690 8.1: no octets are no element."""
    expect("unknown", b"", clause=ENCODING)


def test_pem_instead_of_der(expect: Expect) -> None:
    """The interface takes DER; PEM is told apart so that the reason is clear."""
    verdict = expect("unknown", b"-----BEGIN X509 CRL-----\nMII=\n-----END X509 CRL-----\n", clause=ENCODING)
    assert "PEM" in verdict.reason


def test_octets_after_the_list(expect: Expect) -> None:
    """Nothing follows the list's DER: the signature does not cover it."""
    expect("unknown", craft(ca()) + b"\0", clause=ENCODING)


def test_list_cut_short(expect: Expect) -> None:
    """X.690 8.1.3: the length reaches beyond what is there."""
    expect("unknown", craft(ca())[:-1], clause=ENCODING)


def test_every_truncation() -> None:
    """However a list is cut short, it does not count."""
    whole = craft(ca(), entry(SERIAL + 1))
    assert {status(whole[:length]) for length in range(len(whole))} == {"unknown"}


def test_every_flipped_bit() -> None:
    """RFC 5280 6.3.3 (g): whatever bit of a signed list is flipped, it does not count."""
    whole = int.from_bytes(craft(ca(), entry(SERIAL + 1)), "big")
    size = (whole.bit_length() + 7) // 8
    assert {status((whole ^ 1 << bit).to_bytes(size, "big")) for bit in range(8 * size)} == {"unknown"}


def status(data: bytes) -> Status:
    return check(device(), ca().certificate, [data], pki.NOW).status


def test_indefinite_length(expect: Expect) -> None:
    """X.690 10.1: DER has definite lengths only."""
    revoked = b"\x30\x80" + entry(SERIAL + 1) + b"\0\0"
    expect("unknown", craft(ca(), revoked=revoked), clause=ENCODING)


def test_length_not_the_shortest(expect: Expect) -> None:
    """X.690 10.1: 81 25 where 25 would do, around an entry that would revoke."""
    long_form = entry(SERIAL)[:1] + b"\x81" + entry(SERIAL)[1:]
    expect("unknown", craft(ca(), long_form), clause=ENCODING)


def test_length_with_leading_zero(expect: Expect) -> None:
    """X.690 10.1: 82 00 80 where 81 80 would do."""
    whole = craft(ca(), *map(entry, range(1, 9)))
    assert whole[1] == 0x82
    expect("unknown", whole[:1] + b"\x83\x00" + whole[2:], clause=ENCODING)


def test_version_1(expect: Expect) -> None:
    """RFC 5280 5.1.2.1: a list with extensions is version 2."""
    expect("unknown", craft(ca(), version=b""), clause="RFC 5280 5.1.2.1")


def test_version_1_without_extensions(expect: Expect) -> None:
    """RFC 5280 5.2.3: and without extensions it has no number."""
    expect("unknown", craft(ca(), version=b"", wrapped=b""), clause="RFC 5280 5.1.2.1")


@pytest.mark.parametrize("version", [b"\x02\x01\x00", b"\x02\x01\x02", b"\x02\x02\x00\x01", b"\x02\x01\xff"])
def test_version_that_there_is_not(version: bytes, expect: Expect) -> None:
    """RFC 5280 5.1.2.1: the value is 1, for version 2."""
    expect("unknown", craft(ca(), version=version), clause=ENCODING)


def test_this_update_missing(expect: Expect) -> None:
    """RFC 5280 5.1.2.4: nextUpdate is then read as thisUpdate, and there is no nextUpdate."""
    expect("unknown", craft(ca(), this_update=b""), clause="RFC 5280 5.1.2.5")


@pytest.mark.parametrize(
    "moment",
    [
        b"\x17\x0b2611231100Z",
        b"\x17\x112611231100+0000",
        b"\x17\x0d261123110000z",
        b"\x17\x0d261323110000Z",
        b"\x17\x0d260230110000Z",
        b"\x17\x0d261123250000Z",
        b"\x17\x0d26112311000\xb2",
        b"\x18\x0f20261123110000Z",
        b"\x18\x1120261123110000.5Z",
        b"\x18\x0e20261123110000",
        b"\x17\x00",
    ],
)
def test_date_in_a_form_that_is_not_allowed(moment: bytes, expect: Expect) -> None:
    """RFC 5280 5.1.2.4: UTCTime with seconds and Z through 2049, GeneralizedTime only afterwards."""
    expect("unknown", craft(ca(), this_update=moment), clause=ENCODING)


def test_next_update_after_2049_is_generalized_time(expect: Expect) -> None:
    """RFC 5280 5.1.2.5: and then it counts."""
    expect("good", craft(ca(), next_update=generalized(datetime(2051, 1, 1, tzinfo=UTC))))


def test_utc_time_year_50_is_1950(expect: Expect) -> None:
    """RFC 5280 4.1.2.5.1: two-digit years from 50 on are 19xx, so this list is long stale."""
    expect("unknown", craft(ca(), next_update=b"\x17\x0d500101000000Z"), clause="RFC 5280 5.1.2.5")


def test_revoked_certificates_present_and_empty(expect: Expect) -> None:
    """RFC 5280 5.1.2.6: when nothing is revoked, the list of entries is absent."""
    expect("unknown", craft(ca(), revoked=tlv(SEQUENCE)), clause="RFC 5280 5.1.2.6")


def test_extensions_present_and_empty(expect: Expect) -> None:
    """RFC 5280 5.1.2.7: Extensions is a SEQUENCE SIZE (1..MAX)."""
    expect("unknown", craft(ca(), extensions=[]), clause=ENCODING)


def test_extensions_untagged(expect: Expect) -> None:
    """RFC 5280 5.1: crlExtensions is under tag [0]; without it they look like entries."""
    expect("unknown", craft(ca(), wrapped=tlv(SEQUENCE, key_identifier(ca()), number())), clause="RFC 5280 5.2.3")


def test_field_after_the_extensions(expect: Expect) -> None:
    """RFC 5280 5.1: tbsCertList ends with its extensions."""
    expect("unknown", craft(ca(), after=b"\x05\x00"), clause=ENCODING)


def test_two_lists_of_entries(expect: Expect) -> None:
    """RFC 5280 5.1: a second revokedCertificates, which the first might hide."""
    expect("unknown", craft(ca(), entry(SERIAL + 1), revoked=tlv(SEQUENCE, entry(1)) * 2), clause=ENCODING)


def test_extension_twice(expect: Expect) -> None:
    """RFC 5280 4.2: one extension of a kind; of two numbers neither can be believed."""
    expect("unknown", craft(ca(), more=[number(2)]), clause=ENCODING)


def test_unknown_extension_twice(expect: Expect) -> None:
    """RFC 5280 4.2: nor two that are not understood."""
    expect("unknown", craft(ca(), more=[extension("2a0304", b"\x05\x00")] * 2), clause=ENCODING)


def test_default_criticality_written_out(expect: Expect) -> None:
    """X.690 11.5: FALSE is the default and is not encoded."""
    spelled = tlv(SEQUENCE, oid("551d14"), b"\x01\x01\x00", tlv(0x04, integer(1)))
    expect("unknown", craft(ca(), extensions=[key_identifier(ca()), spelled]), clause=ENCODING)


def test_criticality_true_but_not_ff(expect: Expect) -> None:
    """X.690 11.1: TRUE is FF. Read as "not FF, so not critical" an unknown critical extension would pass."""
    odd = tlv(SEQUENCE, oid("2a0304"), b"\x01\x01\x01", tlv(0x04, b"\x05\x00"))
    expect("unknown", craft(ca(), more=[odd]), clause=ENCODING)


def test_entry_criticality_true_but_not_ff(expect: Expect) -> None:
    """X.690 11.1, on an entry."""
    odd = tlv(SEQUENCE, oid("2a0304"), b"\x01\x01\x01", tlv(0x04, b"\x05\x00"))
    expect("unknown", craft(ca(), entry(SERIAL + 1, odd)), clause=ENCODING)


def test_inner_and_outer_algorithm_differ(expect: Expect) -> None:
    """RFC 5280 5.1.1.2: the signed algorithm and the one beside the signature are the same, parameters included."""
    plain = algorithm(ca().key)
    with_null = tlv(SEQUENCE, plain[2:], b"\x05\x00")
    expect("unknown", craft(ca(), inner_algorithm=with_null), clause="RFC 5280 5.1.1.2")
    expect("unknown", craft(ca(), outer_algorithm=with_null), clause="RFC 5280 5.1.1.2")


def test_algorithm_parameters_where_there_are_none(expect: Expect) -> None:
    """RFC 5758 3.2: ECDSA's parameters are absent, in both places."""
    with_null = tlv(SEQUENCE, algorithm(ca().key)[2:], b"\x05\x00")
    expect("unknown", craft(ca(), inner_algorithm=with_null, outer_algorithm=with_null), clause="RFC 5280 6.3.3(g)")


def test_signature_with_unused_bits(expect: Expect) -> None:
    """RFC 5280 5.1.1.3: a BIT STRING of whole octets."""
    whole = craft(ca())
    at = whole.rindex(b"\x03", 0, len(whole) - 64)
    expect("unknown", whole[: at + 2] + b"\x01" + whole[at + 3 :], clause=ENCODING)


def test_larger_than_the_limit(expect: Expect) -> None:
    """The size is looked at before anything is read."""
    verdict = expect("unknown", craft(ca()), max_size=100, clause="profile: size")
    assert verdict.not_counted[0].sha256 is None


def test_bad_list_beside_a_good_one(expect: Expect) -> None:
    """RFC 5280 6.3.3: a list that cannot be used does not spoil one that can."""
    expect("good", craft(ca())[:-1], craft(ca()), clause=ENCODING)
    expect("revoked", craft(ca(), entry(SERIAL)), craft(ca())[:-1], clause=ENCODING)


def test_key_identifier_malformed(expect: Expect) -> None:
    """RFC 5280 5.2.1: an extension that is understood is also read."""
    spoiled = extension(AUTHORITY_KEY_IDENTIFIER, b"\x30\x02\x80\x05")
    expect("unknown", craft(ca(), extensions=[spoiled, number()]), clause=ENCODING)


def test_entry_date_as_generalized_time_before_2050(expect: Expect) -> None:
    """RFC 5280 5.1.2.6: entries are dated like the list."""
    expect("unknown", craft(ca(), entry(SERIAL + 1, date=generalized(pki.NOW))), clause=ENCODING)
    expect("good", craft(ca(), entry(SERIAL + 1, date=generalized(datetime(2050, 1, 1, tzinfo=UTC)))))


def test_date_of_the_certificates_own_entry_is_no_date(expect: Expect) -> None:
    """RFC 5280 5.1.2.6: 31 February. The certificate is listed, so it is not good; the entry is no evidence either."""
    expect("unknown", craft(ca(), entry(SERIAL, date=b"\x17\x0d260231000000Z")))


def test_dates_in_the_future_revoke_all_the_same(expect: Expect) -> None:
    """RFC 5280 5.1.2.6: the list says revoked; a clock ahead of ours does not make the certificate good."""
    expect("revoked", craft(ca(), entry(SERIAL, date=utc(pki.NOW + pki.DAY))))
