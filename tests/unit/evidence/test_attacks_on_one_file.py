"""Attacks on one sealed file: a second file of a record that verifies as well, and files that no reader survives."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from tests import records
from tests.records import bucket, keys
from workflows.canonical import canonical
from workflows.evidence import audit_trail, jws, votes
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.verify import verify, verify_record

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
RECORD = records.sealed(records.admission())


def other_half(signature: str) -> str:
    """(r, n - s) of (r, s)."""
    raw = jws.decode(signature)
    return jws.encode(raw[:32] + (N - int.from_bytes(raw[32:], "big")).to_bytes(32, "big"))


def with_members(**other: str) -> bytes:
    """The record's file with members replaced, in the form of a sealed file."""
    kept = json.loads(RECORD) | other
    return b'{\n "payload": "%s",\n "protected": "%s",\n "signature": "%s"\n}\n' % tuple(
        kept[name].encode() for name in ("payload", "protected", "signature")
    )


def test_attack_the_other_signature_of_the_same_record() -> None:
    """(r, n - s) holds as well, says OpenSSL: without a rule a record has two files, and two hashes."""
    kept = json.loads(RECORD)
    raw = jws.decode(other_half(kept["signature"]))
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    signed = f"{kept['protected']}.{kept['payload']}".encode()
    records.signing_key().public_key().verify(der, signed, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(EvidenceInvalid, match="second form"):
        verify_record(with_members(signature=other_half(kept["signature"])), keys())


def test_attack_the_other_signature_of_a_vote() -> None:
    cast = records.vote()
    header, _, signature = (cast.signature or "").partition("..")
    forged = records.altered(cast, signature=f"{header}..{other_half(signature)}")
    decision = records.approval(forged)
    with pytest.raises(EvidenceInvalid, match="second form"):
        votes.check(
            forged,
            decision,
            certificate_id=cast.certificate_id,
            basis_sha256=cast.basis_sha256,
            keys=keys(),
        )


@given(st.binary(max_size=40))
def test_whatever_the_signer_returns_one_of_the_two_forms_is_kept(data: bytes) -> None:
    der = records.signing_key().sign(data, ec.ECDSA(hashes.SHA256()))
    assert int.from_bytes(jws.one_form(der)[32:], "big") <= N // 2


FALSE = jws.encode(canonical({"outcome": "admitted"}))
DOUBLED: dict[str, bytes] = {
    "a second payload before": RECORD.replace(
        b'{\n "payload"', b'{\n "payload": "' + FALSE.encode() + b'",\n "payload"'
    ),
    "a second payload after": RECORD.replace(b'"\n}\n', b'",\n "payload": ' + RECORD.split(b"\n")[1][12:-1] + b"\n}\n"),
    "a member that is unknown": RECORD.replace(b'"\n}\n', b'",\n "header": {}\n}\n'),
    "an escape": RECORD.replace(b'"payload"', b'"p\\u0061yload"'),
    "other white space": RECORD.replace(b"\n ", b"\n  "),
    "one line": RECORD.replace(b"\n", b""),
    "more after the end": RECORD + b"\n",
    "other order": b"{\n" + b",\n".join(line.rstrip(b",") for line in reversed(RECORD.split(b"\n")[1:4])) + b"\n}\n",
    "padded payload": with_members(payload=json.loads(RECORD)["payload"] + "="),
    "padded signature": with_members(signature=json.loads(RECORD)["signature"] + "=="),
    "bits that are not used": with_members(signature=json.loads(RECORD)["signature"][:-1] + "_"),
}


@pytest.mark.parametrize("name", DOUBLED)
def test_attack_a_second_file_of_one_record(name: str) -> None:
    """Each holds the record's own header, payload and signature, and some reader takes it."""
    with pytest.raises(EvidenceInvalid):
        verify_record(DOUBLED[name], keys())


@pytest.mark.parametrize("header", [b'{"alg":"none",%s', b"%s,", b" %s"])
def test_attack_a_header_in_a_second_form(header: bytes) -> None:
    """Signed by the right key: still not to be read in two ways."""
    usual = jws.decode(records.header(jws.RECORD))
    odd = header % (usual[1:] if header.startswith(b"{") else usual)
    forged = jws.seal(canonical(records.admission()), protected_header=jws.encode(odd), sign=records.signer())
    with pytest.raises(EvidenceInvalid):
        verify_record(forged, keys())


ENTRY = records.trail_entry()
PLAIN: dict[str, Any] = json.loads(canonical(ENTRY))


def told(**other: object) -> bytes:
    return canonical(PLAIN | other)


DEEP = b"[" * 3_000 + b"]" * 3_000
TRAIL: dict[str, bytes] = {
    "nested 3,000 deep": DEEP,
    "nested 3,000 deep in a value": told().replace(b'"rows":3', b'"rows":' + DEEP),
    "nested 3,000 deep in an unknown member": told()[:-1] + b',"zzz":' + DEEP + b"}",
    "nested 101 deep in a value": told().replace(b'"rows":3', b'"rows":' + b"[" * 101 + b"]" * 101),
    "a time without a zone": told(at="2026-11-23T12:00:00"),
    "a time before all others": told(at="0001-01-01T00:00:00+23:59"),
    "a time after all others": told(at="9999-12-31T23:59:59-23:59"),
    "not UTF-8": told().replace(b"erin", b"er\xffn"),
    "UTF-16": told().decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + told(),
    "a member twice": told()[:-1] + b',"result":"failed"}',
    "a member twice in a value": told().replace(b'"rows":3', b'"rows":3,"rows":4'),
    "NaN": told().replace(b'"rows":3', b'"rows":NaN'),
    "Infinity": told().replace(b'"rows":3', b'"rows":Infinity'),
    "1e999": told().replace(b'"rows":3', b'"rows":1e999'),
    "5,000 digits": told().replace(b'"rows":3', b'"rows":' + b"9" * 5_000),
    "an integer that readers differ on": told().replace(b'"rows":3', b'"rows":9007199254740993'),
    "a fraction": told().replace(b'"rows":3', b'"rows":0.1'),
    "half a surrogate pair": told().replace(b"erin", b"\\ud800"),
    "other white space": told().replace(b":", b": "),
    "17 MB": told(subject="x" * 17 * 2**20),
    "not UTF-8 in a member that is unknown": told()[:-1] + b',"zz\x80":1}',
    "1e999 in a member that is unknown": told()[:-1] + b',"zzz":1e999}',
    "nothing": b"",
    "null": b"null",
}


@pytest.mark.parametrize("name", TRAIL)
@pytest.mark.parametrize("key", [ENTRY.key, "records/x.json", "manifests/x.json"])
def test_attack_a_file_that_no_reader_survives(key: str, name: str) -> None:
    """It is a failure of that file, which is named with what is wrong with it, and all the rest is verified."""
    report = verify((bucket() | {key: TRAIL[name]}).items(), keys())
    assert {one.key for one in report.failures} == {key}
    assert {one.rule for one in report.failures} & {"format", "schema", "canonical", "clock", "place"}
    assert (report.records, report.votes, report.manifests) == (6, 1, 2)


@pytest.mark.parametrize("odd", [b',"zz\x80":1}', b',"zzz":1e999}', b',"zzz":' + DEEP + b"}"])
def test_attack_a_signed_record_with_an_odd_member_that_is_unknown(odd: bytes) -> None:
    """Members of later versions are read over; msgspec does not look into what it reads over."""
    forged = records.resealed(RECORD, canonical(records.admission())[:-1] + odd)
    signed = jws.seal(jws.parse(forged)[1], protected_header=records.header(jws.RECORD), sign=records.signer())
    with pytest.raises(EvidenceInvalid):
        verify_record(signed, keys())


@given(st.binary(max_size=300) | st.sampled_from([told(), *TRAIL.values()]), st.integers(0, 400), st.binary(max_size=4))
def test_no_bytes_whatever_raise_anything_else(data: bytes, at: int, patch: bytes) -> None:
    forged = data[:at] + patch + data[at + len(patch) :]
    for read in (audit_trail.parse, jws.parse):
        try:
            read(forged)
        except EvidenceInvalid:
            continue
