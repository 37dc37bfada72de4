"""The most specific record wins, a deny beats every allow, and what is over does not count."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import pki
from tests.unit.admission.examples import CERTIFICATE, ISSUER_KEY, facts, record, sha256
from workflows.admission.inventory import counts_for_every_ca, device_key, kind_of, lookup_keys, match

CERTIFICATE_KEY, SERIAL_KEY, ISSUER_NAME_KEY, NAME_KEY = lookup_keys(facts())


def test_a_certificate_is_looked_up_by_hash_then_serial_then_name() -> None:
    assert lookup_keys(facts()) == (
        f"certificate#{CERTIFICATE}",
        f"serial#{ISSUER_KEY}#2a",
        f"issuer-name#{ISSUER_KEY}#pump-0042",
        "name#pump-0042",
    )


@pytest.mark.parametrize("name", [None, "", "x" * 2044, "é" * 1022])
def test_without_a_name_that_can_be_a_key_there_are_two_keys(name: str | None) -> None:
    """DynamoDB refuses the whole read for one key of more than 2,048 bytes."""
    assert len(lookup_keys(facts(common_name=name))) == 2


@given(st.text(min_size=1))
def test_no_common_name_reaches_another_kind_of_item(name: str) -> None:
    keys = lookup_keys(facts(common_name=name))
    assert not any(key.startswith(device_key("")) for key in keys)
    assert [key.partition("#")[0] for key in keys] == ["certificate", "serial", "issuer-name", "name"][: len(keys)]


@pytest.mark.parametrize(
    "keys", [keys for n in (1, 2, 3, 4) for keys in itertools.combinations(lookup_keys(facts()), n)]
)
def test_the_most_specific_allow_wins_in_whatever_order_they_are_read(keys: tuple[str, ...]) -> None:
    for order in itertools.permutations(keys):
        matched = match(facts(), [record(key) for key in order], pki.NOW)
        assert matched.record is not None
        assert matched.record.lookup_key == keys[0]
        assert matched.matched_by == kind_of(keys[0])


@pytest.mark.parametrize("denied", lookup_keys(facts()))
def test_a_deny_beats_every_allow(denied: str) -> None:
    records = [record(key, effect="deny" if key == denied else "allow") for key in lookup_keys(facts())]
    matched = match(facts(), records, pki.NOW)
    assert matched.denied
    assert matched.record is not None
    assert matched.record.lookup_key == denied
    assert "denies pump-0042" in matched.reason


def test_nothing_found_is_said() -> None:
    matched = match(facts(), [], pki.NOW)
    assert matched.record is None
    assert matched.matched_by is None
    assert not matched.denied
    assert "no record" in matched.reason


def test_a_record_counts_until_the_moment_it_expires() -> None:
    ends = record(expires_at=pki.NOW)
    assert match(facts(), [ends], pki.NOW - timedelta(microseconds=1)).record == ends
    over = match(facts(), [ends], pki.NOW)
    assert over.record is None
    assert over.expired == (CERTIFICATE_KEY,)
    assert "expired on 2026-11-23" in over.reason


def test_an_expired_record_gives_way_to_a_less_specific_one() -> None:
    matched = match(facts(), [record(expires_at=pki.NOW), record(NAME_KEY, device="pump-0043")], pki.NOW)
    assert matched.record is not None
    assert matched.record.device == "pump-0043"
    assert "expires" not in matched.reason
    assert "expired" in matched.reason


def test_an_expired_deny_no_longer_denies() -> None:
    matched = match(facts(), [record(effect="deny", expires_at=pki.NOW), record(NAME_KEY)], pki.NOW)
    assert not matched.denied


@pytest.mark.parametrize(
    "other",
    [f"certificate#{sha256('other')}", f"serial#{sha256('other issuer')}#2a", "name#pump-0043", "device#pump-0042"],
)
def test_a_record_of_another_certificate_never_counts(other: str) -> None:
    """The same serial of another issuer above all."""
    assert match(facts(), [record(other)], pki.NOW).record is None


effects = st.sampled_from(["allow", "deny", None])
expiries = st.sampled_from([None, pki.NOW - pki.DAY, pki.NOW, pki.NOW + pki.DAY])


@given(st.tuples(*[st.tuples(effects, expiries)] * 4))
def test_the_rule_as_a_table(cells: Any) -> None:
    """Against the sentence of the design, said another way: any live deny denies; else the first live allow; else unknown."""
    keys = lookup_keys(facts())
    rows = [(key, effect, expiry) for key, (effect, expiry) in zip(keys, cells, strict=True) if effect]
    live = [(key, effect) for key, effect, expiry in rows if expiry is None or expiry > pki.NOW]
    matched = match(facts(), [record(key, effect=effect, expires_at=expiry) for key, effect, expiry in rows], pki.NOW)
    assert matched.denied == any(effect == "deny" for _, effect in live)
    assert (matched.record is None) == (not live)
    assert len(matched.expired) == len(rows) - len(live)


def test_attack_a_name_of_one_ca_is_not_found_by_another_s_whatever_it_is_called() -> None:
    """Were the key ``name#<issuer key>#pump-0042``, another CA could have signed for a device of just that name."""
    bound = record(f"issuer-name#{ISSUER_KEY}#pump-0042")
    assert match(facts(), [bound], pki.NOW).record == bound
    other = sha256("another CA's key")
    for name in ("pump-0042", f"{ISSUER_KEY}#pump-0042", f"issuer-name#{ISSUER_KEY}#pump-0042"):
        assert match(facts(issuer_key=other, common_name=name), [bound], pki.NOW).record is None


@given(key=st.text(st.characters(codec="utf-8"), min_size=64, max_size=64), name=st.text(min_size=1))
def test_no_two_names_of_two_issuers_share_a_key(key: str, name: str) -> None:
    mine = set(lookup_keys(facts())) - {NAME_KEY, CERTIFICATE_KEY}
    assert not mine & set(lookup_keys(facts(issuer_key=sha256(key), common_name=name)))


def test_only_a_name_that_is_expected_without_an_issuer_counts_for_every_ca() -> None:
    keys = lookup_keys(facts())
    assert [counts_for_every_ca(record(key)) for key in keys] == [False, False, False, True]
    assert not counts_for_every_ca(record(NAME_KEY, effect="deny"))
