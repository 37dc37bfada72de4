"""A history read: how long, how many attempts, how each state was left, and which way was taken."""

import pytest

from gatehouse.console import history
from tests.web.console.stories import Story, admitted, rolled_back, stopped, waiting


def test_admitted_run_has_a_visit_a_state_and_the_way_between_them() -> None:
    run = history.read(admitted().events)
    assert {visit.status for visit in run.visits} == {"succeeded"}
    assert [step.target for step in run.taken] == [visit.state for visit in run.visits[1:]]
    assert not any(step.caught for step in run.taken)


def test_retries_are_attempts_and_their_errors_are_forgotten_once_it_works() -> None:
    visit = _visit(history.read(admitted().events), "Attach policy")
    assert (visit.attempts, visit.status, visit.error) == (2, "succeeded", None)


def test_caught_error_shows_where_it_was_caught_and_lights_the_catch() -> None:
    run = history.read(rolled_back().events)
    visit = _visit(run, "Attach policy")
    assert (visit.status, visit.error) == ("caught", "PolicyRefused")
    assert [step.target for step in run.taken if step.caught] == ["Roll back"]


def test_timeout_that_is_caught_is_another_way_than_next() -> None:
    story = waiting()
    story.tell("TaskTimedOut", after=3600.0, resource="invoke", error="States.Timeout")
    story.leave("Request approval").enter("Read decision")
    (step,) = [step for step in history.read(story.events).taken if step.source == "Request approval"]
    assert (step.target, step.caught) == ("Read decision", True)


def test_fail_state_fails() -> None:
    visit = history.read(rolled_back().events).visits[-1]
    assert (visit.state, visit.status, visit.error) == ("Failed", "failed", "AdmissionFailed")


def test_running_state_has_no_end() -> None:
    visit = history.read(waiting().events).visits[-1]
    assert (visit.state, visit.status, visit.exited_at, visit.attempts) == ("Request approval", "running", None, 1)


@pytest.mark.parametrize(
    ("event", "status"),
    [("ExecutionFailed", "failed"), ("ExecutionAborted", "aborted"), ("ExecutionTimedOut", "timed_out")],
)
def test_end_of_the_execution_ends_the_state_it_was_in(event: str, status: str) -> None:
    run = history.read(waiting().tell(event, after=5.0).events)
    assert run.visits[-1].status == status
    assert run.visits[-1].exited_at == run.lines[-1].at
    assert all(visit.status == "succeeded" for visit in run.visits[:-1])


def test_redrive_goes_on_with_the_stay_that_failed() -> None:
    story = stopped().tell("ExecutionRedriven", after=600.0, redriveCount=1).attempt().succeed()
    story.leave("Inspect certificate").choose("Is the certificate acceptable?")
    run = history.read(story.events)
    visit = _visit(run, "Inspect certificate")
    assert (visit.status, visit.redriven, visit.attempts, visit.error) == ("succeeded", 1, 1, None)
    assert [step.source for step in run.taken].count("Inspect certificate") == 1


def test_redrive_that_enters_the_state_anew_is_the_same_stay() -> None:
    """As the local cloud tells it."""
    story = stopped().tell("ExecutionRedriven", after=600.0, redriveCount=1).enter("Inspect certificate").attempt()
    run = history.read(story.events)
    assert [visit.state for visit in run.visits].count("Inspect certificate") == 1
    assert run.visits[-1].status == "running"
    assert not any(step.source == step.target for step in run.taken)


def test_state_entered_twice_is_two_visits() -> None:
    story = Story().do("Request approval")
    story.enter("Read decision").attempt().fail("DecisionPending").leave("Read decision").enter("Request approval")
    run = history.read(story.events)
    assert [visit.state for visit in run.visits] == ["Request approval", "Read decision", "Request approval"]
    assert [(step.target, step.caught) for step in run.taken] == [("Read decision", False), ("Request approval", True)]


def test_expression_that_cannot_be_evaluated_is_an_error_of_its_state() -> None:
    story = Story().enter("Notify").tell("EvaluationFailed", error="States.QueryEvaluationError", cause="T1003")
    story.tell("ExecutionFailed", error="States.QueryEvaluationError", cause="T1003")
    visit = history.read(story.events).visits[-1]
    assert (visit.status, visit.error) == ("failed", "States.QueryEvaluationError")


def test_events_say_how_long_after_the_start_and_what_they_took() -> None:
    story = Story().enter("Check CRL", after=1.0).attempt().fail("AwsUnavailable", after=2.0)
    story.tell("TaskScheduled", after=4.0, resource="invoke").succeed(after=3.0).leave("Check CRL")
    lines = {(line.type, line.id): line for line in history.read(story.events).lines}
    by_type = {kind: line for (kind, _), line in lines.items()}
    assert (by_type["TaskFailed"].after, by_type["TaskFailed"].took) == (3000, 2000)
    assert (by_type["TaskSucceeded"].after, by_type["TaskSucceeded"].took) == (10000, 3000)
    assert (by_type["TaskStateExited"].state, by_type["TaskStateExited"].took) == ("Check CRL", 9000)
    assert by_type["ExecutionStarted"].state is None


def test_empty_history_is_an_empty_run() -> None:
    assert history.read([]) == history.Run(visits=(), taken=(), lines=())


def _visit(run: history.Run, state: str) -> history.Visit:
    (found,) = [visit for visit in run.visits if visit.state == state]
    return found
