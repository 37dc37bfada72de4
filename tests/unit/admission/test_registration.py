"""An event that is none says which field is wrong, without repeating what an attacker wrote into it."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.admission.examples import CA, CERTIFICATE
from workflows.admission.errors import EventMalformed
from workflows.admission.registration import read_event

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
