"""What the checker is given: small lists kept verified, large ones asked through their index, and never good by accident."""

import hashlib
from datetime import datetime
from typing import Any

import msgspec
import pytest
from cryptography import x509

from functions.shared import crl_store, current_lists
from functions.shared.crl_store import CrlStore
from tests import faults, pki
from tests.functions.revocation.conftest import BUCKET, Office
from workflows import revocation
from workflows.revocation.errors import CrlStoreUnavailable

REVOKED, FREE = 7, 70
MANY = range(1, 20)


def verdict(office: Office, serial: int, at: datetime = pki.NOW) -> revocation.Verdict:
    certificate: x509.Certificate = pki.device(office.ca, serial=serial)
    found = CrlStore(BUCKET, 100_000_000).lists_for(office.issuer_key, office.ca.certificate)
    return revocation.check(certificate, office.ca.certificate, found.lists, at, last_numbers=found.last_numbers)


def status(office: Office, serial: int) -> str:
    return verdict(office, serial).status


def index_key(office: Office) -> str:
    [key] = [key for key in office.keys("lists/") if key.endswith(".index")]
    return key


def list_key(office: Office) -> str:
    [key] = [key for key in office.keys("lists/") if key.endswith(".crl")]
    return key


def test_a_warm_list_is_read_and_verified_once(office: Office) -> None:
    office.publish(office.revoking(REVOKED))
    with faults.listening("s3", "GetObject") as reads:
        assert [status(office, REVOKED), status(office, FREE), status(office, FREE)] == ["revoked", "good", "good"]
    assert [read["Key"] for read in reads if read["Key"].startswith("lists/")] == [list_key(office)]


def test_a_warm_list_goes_stale_all_the_same(office: Office) -> None:
    office.publish(office.revoking(REVOKED))
    assert status(office, FREE) == "good"
    assert verdict(office, FREE, pki.NOW + 8 * pki.DAY).status == "unknown"


def test_a_new_list_counts_at_once(office: Office) -> None:
    office.publish(office.revoking(number=1))
    assert status(office, REVOKED) == "good"
    office.publish(office.revoking(REVOKED, number=2))
    assert status(office, REVOKED) == "revoked"


def test_a_large_list_is_asked_by_small_ranged_reads(office: Office, large: None) -> None:
    office.publish(office.revoking(*MANY))
    with faults.listening("s3", "GetObject") as reads:
        found = verdict(office, REVOKED)
        assert status(office, FREE) == "good"
    assert (found.status, found.governing and found.governing.number) == ("revoked", "1")
    of_lists = [read for read in reads if read["Key"].startswith("lists/")]
    assert of_lists
    assert all("Range" in read for read in of_lists), "the list was read whole"


def damaged(data: bytes) -> dict[str, bytes]:
    return {
        "head": data[:50] + bytes([data[50] ^ 1]) + data[51:],
        "pages": data[:16_384] + bytes(len(data) - 16_384),
        "records": data[:-40] + bytes(40),
        "short": data[:20_000],
        "empty": b"",
        "none": b"",
    }


@pytest.mark.parametrize("how", ["head", "pages", "records", "short", "empty", "none"])
@pytest.mark.parametrize("warm", [False, True])
def test_a_damaged_index_is_no_answer_the_list_is(office: Office, large: None, how: str, warm: bool) -> None:
    office.publish(office.revoking(*MANY))
    if warm:
        assert status(office, FREE) == "good"
    else:
        crl_store.forget()
    key = index_key(office)
    office.write(key, damaged(office.read(key))[how])
    if how == "none":
        office.s3.delete_object(Bucket=BUCKET, Key=key)
    assert [status(office, serial) for serial in (*MANY, FREE)] == ["revoked"] * len(MANY) + ["good"]


def test_an_index_of_another_list_is_no_answer(office: Office, large: None) -> None:
    office.publish(office.revoking(1, 2, 3, number=1))
    other = office.read(index_key(office))
    office.publish(office.revoking(REVOKED, 8, 9, number=2))
    for key in office.keys("lists/"):
        if key.endswith(".index"):
            office.write(key, other)
    crl_store.forget()
    assert status(office, REVOKED) == "revoked"


def test_without_index_and_list_nothing_is_known(office: Office, large: None) -> None:
    office.publish(office.revoking(*MANY))
    office.write(index_key(office), b"")
    office.write(list_key(office), b"")
    crl_store.forget()
    assert status(office, FREE) == "unknown"
    assert status(office, REVOKED) == "unknown"


def test_a_list_that_is_gone_is_an_outage(office: Office) -> None:
    office.publish(office.revoking())
    office.s3.delete_object(Bucket=BUCKET, Key=list_key(office))
    with pytest.raises(CrlStoreUnavailable, match="is not in the bucket"):
        status(office, FREE)


def test_an_older_list_in_the_place_of_the_current_one_does_not_count(office: Office) -> None:
    old = office.revoking(number=1)
    office.publish(old)
    office.publish(office.revoking(REVOKED, number=2))
    for key in office.keys("lists/"):
        office.write(key, old)
    assert status(office, REVOKED) == "unknown"


def test_an_outage_in_the_middle_of_a_lookup_is_an_outage(office: Office, large: None) -> None:
    office.publish(office.revoking(*MANY))
    assert status(office, FREE) == "good"
    found = CrlStore(BUCKET, 100_000_000).lists_for(office.issuer_key, office.ca.certificate)
    with faults.refused("s3", "GetObject", "SlowDown", times=99, status=503), pytest.raises(CrlStoreUnavailable):
        revocation.check(pki.device(office.ca, serial=REVOKED), office.ca.certificate, found.lists, pki.NOW)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"issuer_key": "other"}', b"\xff"])
def test_current_lists_that_cannot_be_read_are_an_outage(office: Office, data: bytes) -> None:
    office.publish(office.revoking())
    office.write(f"current/{office.issuer_key}.json", data)
    with pytest.raises(CrlStoreUnavailable):
        status(office, FREE)


def test_the_current_lists_of_another_key_are_an_outage(office: Office) -> None:
    office.publish(office.revoking())
    found = current_lists.load(BUCKET, office.issuer_key)
    forged = msgspec.structs.replace(found, issuer_key=hashlib.sha256(b"other").hexdigest())
    office.write(f"current/{office.issuer_key}.json", msgspec.json.encode(forged))
    with pytest.raises(CrlStoreUnavailable, match="another issuer key"):
        status(office, FREE)


def test_what_is_kept_warm_is_bounded() -> None:
    warm: Any = crl_store._Warm(100)
    for number in range(10):
        warm.put(number, str(number), 40)
    assert [number for number in range(10) if warm.get(number)] == [8, 9]
    warm.get(8)
    warm.put(10, "10", 40)
    assert [number for number in range(11) if warm.get(number)] == [8, 10]
