"""The simulation of bursts keeps AWS's quotas, loses nobody, and says the same again."""

from typing import Any

import numpy as np
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from bench.burst import knocking
from bench.designs import DIRECT, GATEHOUSE, ONE_EACH, RETRY_ONLY, STATES, Design, retrier, steps
from bench.door import few
from bench.quotas import Bucket, Quotas
from bench.results import Knocking, Result
from bench.simulation import Burst
from bench.walk import Walk
from bench.wheel import Wheel

WALK = Walk(
    transitions=14,
    duplicate_transitions=3,
    calls={
        "inspect_certificate": ["dynamodb.UpdateItem", "iot.DescribeCertificate"],
        "activate_certificate": ["iot.CreateThing", "iot.UpdateCertificate"],
        "attach_policy": ["iot.GetPolicy", "iot.AttachPolicy"],
    },
)


class Watched(Burst):
    """Keeps when each call passed."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.passed: dict[str, list[float]] = {name: [] for name in self.operations}
        for name, bucket in zip(self.operations, self.iot, strict=True):
            bucket.grant = self._watch(name, bucket.grant)  # type: ignore[method-assign]

    def _watch(self, name: str, grant: Any) -> Any:
        def watched(wanted: int, now: float) -> int:
            passed: int = grant(wanted, now)
            self.passed[name].extend([now] * passed)
            return passed

        return watched


@given(asked=st.lists(st.tuples(st.floats(0, 2), st.integers(0, 30)), max_size=50), rate=st.floats(1, 100))
def test_a_bucket_lets_through_its_size_and_its_rate_and_no_more(asked: list[tuple[float, int]], rate: float) -> None:
    bucket, now, passed, begun = Bucket(rate, rate), 0.0, 0, rate
    for after, wanted in asked:
        now += after
        passed += bucket.grant(wanted, now)
        assert passed <= begun + rate * now + 1e-6


def test_what_was_put_on_the_wheel_comes_once_in_the_order_of_its_time() -> None:
    environment = simpy.Environment()
    wheel = Wheel(environment)
    seen: list[tuple[float, int]] = []
    times = np.random.default_rng(7).uniform(0, 300, 5_000)
    wheel.at(times, lambda ids, at: seen.extend(zip(at.tolist(), ids.tolist(), strict=True)), np.arange(5_000))
    environment.run()
    assert seen == sorted(zip(times.tolist(), range(5_000), strict=True))


@pytest.mark.parametrize("design", [GATEHOUSE, DIRECT, ONE_EACH, RETRY_ONLY], ids=lambda design: design.name)
def test_everybody_comes_in_and_no_quota_is_exceeded(design: Design) -> None:
    burst = Watched(WALK, design, 300)
    result = burst.run()
    assert result.admitted == 300
    assert burst.runs.open == burst.running == 0
    for name, moments in burst.passed.items():
        rate = Quotas().iot[name]
        for first in range(0, len(moments), 7):
            inside = [at for at in moments[first:] if at < moments[first] + 5]
            assert len(inside) <= rate * 5 + rate + 1


def test_turns_make_each_call_once_and_fail_nothing() -> None:
    result = Burst(WALK, GATEHOUSE, 1_000).run()
    assert result.failed == 0
    assert result.calls / result.needed <= 1.01
    assert result.ratio <= 1.05


def test_retries_alone_make_many_calls() -> None:
    result = Burst(WALK, RETRY_ONLY, 1_000).run()
    assert result.calls / result.needed > 5
    assert result.failed > 0


def test_repeats_that_are_queued_start_nothing() -> None:
    result = knocking(WALK)
    assert (result.started, result.admitted, result.duplicates) == (100, 100, 0)
    assert result.events > 30_000
    assert result.events <= result.queue_requests <= 3 * result.events


def test_a_rule_that_starts_the_machine_starts_every_knock() -> None:
    result = few(WALK, DIRECT)
    assert result.started == result.events == result.duplicates + 100
    assert result.queue_requests == result.reads == 0


def test_of_knocks_above_the_quota_of_starts_none_is_lost_from_the_queue() -> None:
    quotas = Quotas(start_bucket=10, start_refill=5)
    knocking = Knocking(within=1.0, every=1_000.0)
    result = Burst(WALK, GATEHOUSE, 300, quotas=quotas, knocking=knocking).run()
    assert result.refused_starts > 0
    assert (result.admitted, result.started) == (300, 300)


def test_the_same_seed_gives_the_same_result() -> None:
    def told(result: Result) -> list[Any]:
        return [np.asarray(getattr(result, name)).tolist() for name in result.__struct_fields__]

    first, again, other = (Burst(WALK, GATEHOUSE, 200, seed=seed).run() for seed in (1, 1, 2))
    assert told(first) == told(again) != told(other)


def test_retries_are_those_of_the_state_machine() -> None:
    policy = retrier(STATES[1], "AwsUnavailable")
    assert (policy.attempts, policy.interval, policy.rate, policy.cap) == (8, 2, 2.0, 60)


def test_an_admission_of_another_length_is_not_simulated() -> None:
    with pytest.raises(AssertionError, match="15 transitions"):
        steps(Walk(transitions=15, duplicate_transitions=3, calls=WALK.calls))


def test_no_key_takes_more_writes_in_a_second_than_dynamodb_lets_it() -> None:
    """A thousand: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html."""
    result = Burst(WALK, GATEHOUSE, 3_000, knocking=Knocking(within=1.0)).run()
    assert result.admitted == 3_000
    assert 100 < result.turn_writes < 1_000
    assert 100 < result.open_writes < 1_000
