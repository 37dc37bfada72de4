"""An event that is none says which field is wrong, without repeating what an attacker wrote into it."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.admission.examples import CA, CERTIFICATE
from workflows.admission.errors import EventMalformed
from workflows.admission.registration import MAX_DEPTH, MAX_OCTETS, quoted, read_event
from workflows.canonical import canonical

EVENT = {
    "certificateId": CERTIFICATE,
    "caCertificateId": CA,
    "timestamp": 1795867200000,
    "certificateStatus": "PENDING_ACTIVATION",
    "awsAccountId": "123456789012",
    "certificateRegistrationTimestamp": None,
}


@pytest.mark.parametrize("unusual", [{}, {"certificateRegistrationTimestamp": "1795867200000"}, {"new": {"field": 1}}])
def test_what_aws_publishes_is_read(unusual: dict[str, Any]) -> None:
    assert read_event(EVENT | unusual).certificate_id == CERTIFICATE


@pytest.mark.parametrize(
    ("event", "names"),
    [
        (None, "got None"),
        ([], "got []"),
        ("<script>", "got '<script>'"),
        ({}, "certificateId"),
        ({k: v for k, v in EVENT.items() if k != "caCertificateId"}, "caCertificateId"),
        (EVENT | {"certificateId": CERTIFICATE.upper()}, "`certificateId`"),
        (EVENT | {"certificateId": CERTIFICATE + "\n"}, "`certificateId`"),
        (EVENT | {"certificateId": 7}, "`certificateId` is 7"),
        (EVENT | {"caCertificateId": "../../etc/passwd"}, "'../../etc/passwd'"),
        (EVENT | {"certificateStatus": "ACTIVE"}, "`certificateStatus` is 'ACTIVE'"),
        (EVENT | {"timestamp": "soon"}, "`timestamp`"),
    ],
)
def test_the_field_is_named(event: Any, names: str) -> None:
    with pytest.raises(EventMalformed) as caught:
        read_event(event)
    assert names in str(caught.value)
    assert "Expected what AWS IoT publishes" in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(field=st.sampled_from(sorted(EVENT)), value=json_values)
@example(field="certificateStatus", value="\xa1")
@example(field="certificateStatus", value="x\n" * 500)
def test_messages_are_short_printable_ascii(field: str, value: Any) -> None:
    said = ""
    try:
        read_event(EVENT | {field: value})
    except EventMalformed as error:
        said = str(error)
    assert len(said) < 500
    assert said.isascii()
    assert said.isprintable()


def nested(depth: int, innermost: Any = 1) -> Any:
    for _ in range(depth):
        innermost = {"x": innermost} if depth % 2 else [innermost]
    return innermost


@pytest.mark.parametrize("depth", [MAX_DEPTH, 9, 600, 601, 5_000, 100_000])
@pytest.mark.parametrize("field", ["new", "certificateId"])
def test_attack_an_event_that_is_nested_too_deep_is_refused_before_anything_is_claimed(field: str, depth: int) -> None:
    with pytest.raises(EventMalformed, match="nested more than 8 deep"):
        read_event(EVENT | {field: nested(depth)})
    assert len(quoted(nested(depth))) < 100


@pytest.mark.parametrize(
    "value",
    ["x" * MAX_OCTETS, {"\udc80" * MAX_OCTETS: 1}, [[]] * MAX_OCTETS, 1 << 4 * MAX_OCTETS, [0.5] * 1_100, "é" * 4_096],
    ids=["text", "key", "list", "integer", "fractions", "umlauts"],
)
def test_attack_an_event_that_is_too_large_to_be_sealed_is_refused_before_anything_is_claimed(value: Any) -> None:
    with pytest.raises(EventMalformed, match="has more than 8192 octets"):
        read_event(EVENT | {"new": value})


@given(value=json_values)
def test_whatever_is_let_through_can_be_sealed(value: Any) -> None:
    event = EVENT | {"new": value}
    try:
        read_event(event)
    except EventMalformed:
        return
    assert len(canonical(event)) < 6 * MAX_OCTETS


def test_what_is_just_small_enough_is_let_through() -> None:
    assert read_event(EVENT | {"new": nested(MAX_DEPTH - 1, "x" * 7_000)})
