"""Partitioned lists: distribution points, kinds of certificate, reasons (RFC 5280 5.2.5, 6.3.3 (b) and (d))."""

from collections.abc import Sequence

import pytest
from cryptography import x509

from tests import pki
from tests.conformance.conftest import SERIAL, SHARD, Expect, ca, device, sharded_device
from tests.crl_der import ISSUING_POINT, craft, entry, extension, issuing_point, number, tlv, utc

OTHER = "http://crl.example.com/2.crl"
POINT = "RFC 5280 6.3.3(b)(2)(i)"
ENCODING = "RFC 5280 5.1 (DER)"
Flag = x509.ReasonFlags
SOME = (Flag.key_compromise, Flag.ca_compromise)
THE_REST = tuple(set(Flag) - {*SOME, Flag.unspecified, Flag.remove_from_crl})


def shard(*entries: bytes, extension: bytes | None = None, more: Sequence[bytes] = ()) -> bytes:
    return craft(ca(), *entries, more=[issuing_point(SHARD) if extension is None else extension, *more])


def pointed(*points: x509.DistributionPoint) -> x509.Certificate:
    return pki.device(ca(), serial=SERIAL, extensions=[(x509.CRLDistributionPoints(points), False)])


def point(
    *urls: str, reasons: Sequence[Flag] = (), issuer: x509.Name | None = None, relative: str | None = None
) -> x509.DistributionPoint:
    rdn = x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COMMON_NAME, relative)]) if relative else None
    return x509.DistributionPoint(
        [x509.UniformResourceIdentifier(url) for url in urls] or None,
        rdn,
        frozenset(reasons) or None,
        [x509.DirectoryName(issuer)] if issuer else None,
    )


def test_own_shard(expect: Expect) -> None:
    """RFC 5280 6.3.3 (b)(2)(i): the list's distribution point is one of the certificate's."""
    expect("good", shard(), certificate=sharded_device())
    expect("revoked", shard(entry(SERIAL)), certificate=sharded_device())


def test_wrong_shard(expect: Expect) -> None:
    """The wrong shard makes everything look unrevoked."""
    expect("unknown", shard(extension=issuing_point(OTHER)), certificate=sharded_device(), clause=POINT)


def test_shard_without_a_point_in_the_certificate(expect: Expect) -> None:
    """RFC 5280 6.3.3 (b)(2)(i): a certificate that names no point belongs to no shard."""
    expect("unknown", shard(), certificate=device(), clause=POINT)


def test_whole_list_for_a_sharded_certificate(expect: Expect) -> None:
    """RFC 5280 5.2.5: a list without an issuing distribution point speaks for every certificate of its issuer."""
    expect("good", craft(ca()), certificate=sharded_device())


def test_right_and_wrong_shard(expect: Expect) -> None:
    """Each shard has a scope of its own: a higher number in another one replaces nothing."""
    wrong = craft(ca(), extensions=[number(9), issuing_point(OTHER)])
    expect("revoked", shard(entry(SERIAL)), wrong, certificate=sharded_device(), clause=POINT)


def test_whole_list_does_not_outvote_a_shard(expect: Expect) -> None:
    """Two scopes that both cover the certificate: whichever revokes is heard."""
    whole = craft(ca(), extensions=[number(9)])
    expect("revoked", shard(entry(SERIAL)), whole, certificate=sharded_device())


def test_wrong_shard_that_revokes(expect: Expect) -> None:
    """Serial numbers are one CA's: a shard that is not ours and lists ours leaves a doubt."""
    wrong = shard(entry(SERIAL), extension=issuing_point(OTHER))
    expect("unknown", wrong, shard(), certificate=sharded_device())


@pytest.mark.parametrize("url", [SHARD + "/", SHARD.upper(), SHARD[:-1], SHARD + "?x", "", "https" + SHARD[4:]])
def test_names_that_are_nearly_alike(url: str, expect: Expect) -> None:
    """Names match octet for octet; an address is never resolved or normalised."""
    other = pki.device(ca(), serial=SERIAL, crl_urls=[url])
    expect("unknown", shard(), certificate=other, clause=POINT)


def test_one_of_several_names(expect: Expect) -> None:
    """RFC 5280 6.3.3 (b)(2)(i): one name in common is enough, on either side, in any of the points."""
    expect("good", shard(), certificate=pointed(point(OTHER), point("http://x/", SHARD)))
    expect("good", shard(extension=issuing_point("http://y/", SHARD)), certificate=sharded_device())


def test_same_name_of_another_kind(expect: Expect) -> None:
    """RFC 5280 4.2.1.6: a DNS name with the same octets is another name."""
    names = tlv(0xA0, tlv(0xA0, tlv(0x82, SHARD.encode())))
    disguised = extension(ISSUING_POINT, tlv(0x30, names), critical=True)
    expect("unknown", shard(extension=disguised), certificate=sharded_device(), clause=POINT)


def test_relative_name(expect: Expect) -> None:
    """RFC 5280 4.2.1.13: nameRelativeToCRLIssuer is completed with the issuer's name, on either side."""
    rdn = pki.name("7", None).rdns[0]
    full = x509.Name([*ca().certificate.subject.rdns, rdn])
    relative = x509.IssuingDistributionPoint(None, rdn, False, False, None, False, False).public_bytes()
    short = extension(ISSUING_POINT, relative, critical=True)
    spelled = x509.IssuingDistributionPoint([x509.DirectoryName(full)], None, False, False, None, False, False)
    long = extension(ISSUING_POINT, spelled.public_bytes(), critical=True)
    for certificate in (
        pointed(point(relative="7")),
        pointed(x509.DistributionPoint([x509.DirectoryName(full)], None, None, None)),
    ):
        expect("good", shard(extension=short), certificate=certificate)
        expect("good", shard(extension=long), certificate=certificate)
        expect("revoked", shard(entry(SERIAL), extension=short), certificate=certificate)
    expect("unknown", shard(extension=short), certificate=pointed(point(relative="8")), clause=POINT)


def test_point_of_another_crl_issuer(expect: Expect) -> None:
    """RFC 5280 6.3.3 (b)(1): a point with a cRLIssuer is served by an indirect list, which the issuer's own is not."""
    certificate = pointed(point(SHARD, issuer=pki.name("Other CA")))
    expect("unknown", shard(), certificate=certificate, clause=POINT)
    expect("unknown", craft(ca()), certificate=certificate)
    expect("revoked", craft(ca(), entry(SERIAL)), certificate=certificate)


def test_point_of_another_crl_issuer_beside_our_own(expect: Expect) -> None:
    """RFC 5280 6.3.3: any of the certificate's points will do."""
    certificate = pointed(point(OTHER, issuer=pki.name("Other CA")), point(SHARD))
    expect("good", shard(), certificate=certificate)


def test_indirect_list(expect: Expect) -> None:
    """RFC 5280 5.2.5: indirect lists are refused, whoever issued them."""
    one = shard(entry(SERIAL), extension=issuing_point(SHARD, indirect=True))
    expect("unknown", one, certificate=sharded_device(), clause="RFC 5280 5.2.5")
    expect("unknown", one, shard(), certificate=sharded_device(), clause="RFC 5280 5.2.5")


def test_issuing_point_not_critical(expect: Expect) -> None:
    """RFC 5280 5.2.5: it is critical, so that nobody takes a part for the whole."""
    plain = extension(
        ISSUING_POINT,
        x509.IssuingDistributionPoint(
            [x509.UniformResourceIdentifier(SHARD)], None, False, False, None, False, False
        ).public_bytes(),
    )
    expect("unknown", shard(extension=plain), certificate=sharded_device(), clause="RFC 5280 5.2.5")


@pytest.mark.parametrize(
    "value",
    [
        b"\x30\x00",  # RFC 5280 5.2.5: not an empty sequence
        b"\x30\x03\x81\x01\x00",  # a default written out
        b"\x30\x03\x81\x01\x01",  # a TRUE that is not FF
        b"\x30\x06\x81\x01\xff\x82\x01\xff",  # for end entities only and for CAs only
        b"\x30\x06\x82\x01\xff\x81\x01\xff",  # in the wrong order
        b"\x30\x06\x81\x01\xff\x81\x01\xff",  # twice
        b"\x30\x03\x86\x01\xff",  # a field there is not
        b"\x30\x02\xa0\x00",  # a point without a name
        b"\x30\x04\xa0\x02\xa0\x00",  # a name without names
        b"\x30\x04\x83\x02\x00\x40",  # reasons with trailing zeros
        b"\x30\x03\x81\x01\xff\x00",  # octets left over
        b"",
    ],
)
def test_issuing_point_malformed(value: bytes, expect: Expect) -> None:
    """RFC 5280 5.2.5, X.690 11.5: an extension that limits a list is read exactly or the list does not count."""
    odd = extension(ISSUING_POINT, value, critical=True)
    expect("unknown", shard(extension=odd), certificate=sharded_device(), clause=ENCODING)


def test_only_user_certificates(expect: Expect) -> None:
    """RFC 5280 6.3.3 (b)(2)(ii): covers a device, not a CA."""
    expect("good", shard(extension=issuing_point(only="user")))
    sub_ca = pki.authority("Sub CA", issued_by=ca()).certificate
    expect(
        "unknown", shard(extension=issuing_point(only="user")), certificate=sub_ca, clause="RFC 5280 6.3.3(b)(2)(ii)"
    )


def test_only_ca_certificates(expect: Expect) -> None:
    """RFC 5280 6.3.3 (b)(2)(iii): covers a CA, not a device, also not one without basic constraints."""
    sub_ca = pki.authority("Sub CA", issued_by=ca()).certificate
    clause = "RFC 5280 6.3.3(b)(2)(iii)"
    expect("good", shard(extension=issuing_point(only="ca")), certificate=sub_ca)
    expect("unknown", shard(extension=issuing_point(only="ca")), clause=clause)
    spelled = pki.device(ca(), serial=SERIAL, extensions=[(x509.BasicConstraints(ca=False, path_length=None), True)])
    expect("unknown", shard(extension=issuing_point(only="ca")), certificate=spelled, clause=clause)


def test_only_attribute_certificates(expect: Expect) -> None:
    """RFC 5280 6.3.3 (b)(2)(iv): covers no certificate; an attribute certificate's serial is not a device's."""
    one = shard(entry(SERIAL), extension=issuing_point(only="attribute"))
    expect("unknown", one, clause="RFC 5280 6.3.3(b)(2)(iv)")
    expect("good", one, craft(ca()), clause="RFC 5280 6.3.3(b)(2)(iv)")


def test_some_reasons_only(expect: Expect) -> None:
    """RFC 5280 6.3.3 (d): a list for some reasons revokes, and never says good by itself."""
    expect("unknown", shard(extension=issuing_point(reasons=SOME)))
    expect("revoked", shard(entry(SERIAL), extension=issuing_point(reasons=SOME)))


def test_all_but_one_reason(expect: Expect) -> None:
    """RFC 5280 6.3.3: every reason is covered, or the status is undetermined."""
    for missing in THE_REST:
        reasons = [*SOME, *(one for one in THE_REST if one is not missing)]
        expect("unknown", shard(extension=issuing_point(reasons=reasons)))


def test_reasons_covered_together(expect: Expect) -> None:
    """RFC 5280 6.3.3 (d): lists that cover every reason between them."""
    first = shard(extension=issuing_point(reasons=SOME))
    second = shard(extension=issuing_point(reasons=THE_REST))
    assert len(expect("good", first, second).with_lists) == 1
    expect("revoked", first, shard(entry(SERIAL), extension=issuing_point(reasons=THE_REST)))
    expect("unknown", first, first)


def test_reasons_of_another_shard_do_not_help(expect: Expect) -> None:
    """RFC 5280 6.3.3 (b): coverage is counted over lists that speak for the certificate."""
    first = shard(extension=issuing_point(SHARD, reasons=SOME))
    second = shard(extension=issuing_point(OTHER, reasons=THE_REST))
    expect("unknown", first, second, certificate=sharded_device(), clause=POINT)


def test_stale_list_covers_no_reasons(expect: Expect) -> None:
    """RFC 5280 6.3.3: a part that has gone stale is a part that is missing."""
    first = shard(extension=issuing_point(reasons=SOME))
    stale = craft(ca(), more=[issuing_point(reasons=THE_REST)], next_update=utc(pki.NOW))
    expect("unknown", first, stale, clause="RFC 5280 5.1.2.5")


def test_entry_with_a_reason_outside_its_list(expect: Expect) -> None:
    """A list for some reasons that gives another one has still revoked the certificate."""
    one = shard(entry(SERIAL), extension=issuing_point(reasons=SOME))
    expect("revoked", one, shard(extension=issuing_point(reasons=THE_REST)))


def test_reasons_in_the_certificates_point(expect: Expect) -> None:
    """RFC 5280 6.3.3 (d): what is published at a point covers the reasons that the certificate gives for it."""
    certificate = pointed(point(SHARD, reasons=SOME), point(OTHER, reasons=THE_REST))
    expect("unknown", shard(), certificate=certificate)
    expect("good", shard(), shard(extension=issuing_point(OTHER)), certificate=certificate)
    expect("good", craft(ca()), certificate=certificate)


def test_reasons_no_point_of_the_certificate_covers(expect: Expect) -> None:
    """RFC 5280 6.3.3 (d)(3): for the other reasons the certificate points nowhere."""
    expect("unknown", craft(ca()), certificate=pointed(point(SHARD, reasons=SOME)))
