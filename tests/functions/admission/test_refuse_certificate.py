"""A no of the list is REVOKED, any other no INACTIVE; and nothing stronger is overwritten."""

from typing import Any

import pytest

from functions.admission.refuse_certificate.app import handler
from tests import aws_environment, faults
from tests.functions.admission.conftest import Case
from workflows.admission.errors import AdmissionNotOwned
from workflows.errors import AwsUnavailable


def refuse(case: Case, cause: str) -> Any:
    return case.step(handler, certificate_id=case.certificate_id, cause=cause)


@pytest.mark.parametrize(
    ("cause", "status"),
    [("revoked", "REVOKED"), ("certificate", "INACTIVE"), ("inventory", "INACTIVE"), ("person", "INACTIVE")],
)
def test_the_cause_decides_the_status(case: Case, cause: str, status: str) -> None:
    answer = refuse(case, cause)
    assert (answer["certificate_status"], answer["note"]) == (status, "")
    assert answer["refused_at"] == "2026-11-23T12:00:00Z"
    assert case.gate.status(case.certificate_id) == status
    assert refuse(case, cause)["certificate_status"] == status


def test_the_certificate_is_read_again_only_after_a_person(case: Case) -> None:
    for cause, read in (("revoked", False), ("inventory", False), ("person", True)):
        with faults.dying_after(0) as calls:
            refuse(case, cause)
        assert ("iot.DescribeCertificate" in calls) == read


def test_what_somebody_revoked_while_people_thought_stays_revoked(case: Case) -> None:
    case.gate.iot.update_certificate(certificateId=case.certificate_id, newStatus="REVOKED")
    answer = refuse(case, "person")
    assert (answer["certificate_status"], answer["note"]) == ("REVOKED", "Somebody else had revoked it already.")
    assert case.gate.status(case.certificate_id) == "REVOKED"


@pytest.mark.parametrize("cause", ["revoked", "inventory", "person"])
def test_a_certificate_that_is_gone_is_as_good_as_refused(case: Case, cause: str) -> None:
    case.gate.iot.delete_certificate(certificateId=case.certificate_id)
    assert "not in AWS IoT any more" in refuse(case, cause)["note"]


def test_an_overtaken_execution_touches_nothing(case: Case) -> None:
    case.execution = aws_environment.execution("run-2")
    with pytest.raises(AdmissionNotOwned):
        refuse(case, "revoked")
    assert case.gate.status(case.certificate_id) == "PENDING_ACTIVATION"


@pytest.mark.parametrize("number", [1, 2])
def test_dying_after_any_call_is_made_good_by_the_next_try(case: Case, number: int) -> None:
    with faults.dying_after(number), pytest.raises(faults.Died):
        refuse(case, "revoked")
    refuse(case, "revoked")
    assert case.gate.status(case.certificate_id) == "REVOKED"


def test_throttling_may_work_later(case: Case) -> None:
    with faults.refused("iot", "UpdateCertificate", "ThrottlingException", times=9), pytest.raises(AwsUnavailable):
        refuse(case, "revoked")
