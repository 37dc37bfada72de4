"""A pace above the account's quota is wrong, one far below it wastes it, and a quota nobody knows is said to be unknown."""

import pytest

from workflows.admission import quotas
from workflows.admission.quotas import judge, operation_quota

NAMED = {
    "Maximum number of DescribeCertificate API calls per second": 10.0,
    "UpdateCertificate API TPS": 10.0,
    "UpdateCACertificate API TPS": 1.0,
    "DescribeCertificate burst": 500.0,
}
STATES = {
    "StateTransition throttle token refill rate per second": 5000.0,
    "StateTransition throttle token bucket size": 5000.0,
}


def test_an_operation_is_found_by_its_whole_name() -> None:
    assert operation_quota(NAMED, "UpdateCertificate") == 10.0
    assert operation_quota(NAMED, "DescribeCertificate") == 10.0
    assert operation_quota(NAMED, "Certificate") is None


@pytest.mark.parametrize(
    ("pace", "state"), [(10.0, "ok"), (7.0, "ok"), (10.1, "wrong"), (6.0, "warning"), (1.0, "warning")]
)
def test_the_pace_is_held_to_the_quota(pace: float, state: str) -> None:
    assert judge(NAMED, STATES, pace).state == state


def test_the_least_of_both_quotas_counts() -> None:
    judged = judge(NAMED | {"UpdateCertificate API TPS": 5.0}, STATES, 10.0)
    assert judged.state == "wrong"
    assert "to 5 and deploy" in judged.advice


def test_a_quota_that_is_not_listed_is_not_made_up() -> None:
    judged = judge({"Rules per account": 1000.0}, {}, 10.0)
    assert judged.state == "warning"
    assert "no quota of DescribeCertificate or UpdateCertificate or StateTransition" in judged.said


def test_step_functions_must_follow_the_pace() -> None:
    assert judge(NAMED, {"StateTransition throttle token refill rate per second": 130.0}, 10.0).state == "wrong"


@pytest.mark.parametrize(("unreserved", "state"), [(10, "warning"), (49, "warning"), (50, "ok"), (1000, "ok")])
def test_functions_that_may_run_at_once_are_held_against_the_pace(unreserved: int, state: str) -> None:
    judged = quotas.judge_concurrency(unreserved, 10)
    assert judged.state == state
    assert judged.said.startswith(f"{unreserved} functions may run at once")


def test_the_pace_that_is_advised_fits_the_limit() -> None:
    judged = quotas.judge_concurrency(23, 10)
    assert "calls_per_second in config/limits.toml to 4 " in judged.advice
    assert quotas.judge_concurrency(23, 4).state == "ok"
    assert "to 1 " in quotas.judge_concurrency(3, 10).advice
