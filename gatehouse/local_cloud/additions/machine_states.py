"""Fields of states that the engine ignores, for JSONata.

- ``Output`` of a Succeed state, and of a Choice state whose Default is taken
  (https://docs.aws.amazon.com/step-functions/latest/dg/state-succeed.html, …/state-choice.html).
- ``Assign`` evaluates all its expressions with the variables as they were when the state began
  (https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html); the engine lets one see the one before.
- ``TimeoutSeconds`` given as an expression (https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html).
- ``MaxDelaySeconds`` and ``JitterStrategy`` of a Retry (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html);
  the engine caps every delay at 60 seconds instead.
"""

import random

from ministack.services import stepfunctions

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json

_SUCCEED_NOW = """\
current_input = _apply_input_path(state_def, current_input, ctx)
                current_input = _apply_output_path(state_def, current_input, ctx)
"""
_SUCCEED_THEN = """\
current_input = _succeed_output(state_def, current_input, ctx)
"""
_SUBMACHINE_SUCCEED_NOW = """\
return _apply_output_path(state_def,
                                      _apply_input_path(state_def, current_input, ctx), ctx)
"""
_RETRY_NOW = """\
interval = retrier.get("IntervalSeconds", 1)
                backoff = retrier.get("BackoffRate", 2.0)
                sleep_sec = interval * (backoff ** count)
                _scaled_sleep(min(sleep_sec, 60))
"""


def apply() -> None:
    sfn = stepfunctions
    sfn._succeed_output = _succeed_output
    sfn._retry_delay = _retry_delay
    sfn._task_timeout = _task_timeout
    patch.edit(sfn, "_run_execution", (_SUCCEED_NOW, _SUCCEED_THEN))
    patch.edit(
        sfn,
        "_run_sub_machine",
        (_SUBMACHINE_SUCCEED_NOW, "return _succeed_output(state_def, current_input, ctx)\n"),
    )
    patch.edit(
        sfn,
        "_execute_task",
        (_RETRY_NOW, "_scaled_sleep(_retry_delay(retrier, count))\n"),
        ('effective, state_def["TimeoutSeconds"])', "effective, _task_timeout(state_def, raw_input, ctx))"),
        (
            'ctx["Task"]["Token"], state_def)',
            'ctx["Task"]["Token"],\n                    {**state_def, "TimeoutSeconds": _task_timeout(state_def, raw_input, ctx)})',
        ),
    )
    patch.edit(
        sfn,
        "_apply_state_assign",
        ('variables = ctx.setdefault("variables", {})', "variables = {}"),
        (
            "result=result, error_output=error_output,\n        )\n",
            'result=result, error_output=error_output,\n        )\n    ctx.setdefault("variables", {}).update(variables)\n',
        ),
    )
    patch.edit(
        sfn,
        "_execute_choice",
        (
            "return raw_input, default\n",
            "return _apply_jsonata_output(state_def, raw_input, ctx, default=raw_input), default\n",
        ),
    )


def _succeed_output(state: Json, data: Json, ctx: Json) -> Json:
    if stepfunctions._state_query_language(state, ctx) == "JSONata":
        return stepfunctions._apply_jsonata_output(state, data, ctx, default=data)
    effective = stepfunctions._apply_input_path(state, data, ctx)
    return stepfunctions._apply_output_path(state, effective, ctx)


def _retry_delay(retrier: Json, count: int) -> float:
    """Seconds before the next try."""
    delay: float = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** count
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    return random.uniform(0, delay) if retrier.get("JitterStrategy") == "FULL" else delay  # noqa: S311 - no secret


def _task_timeout(state: Json, data: Json, ctx: Json) -> float | None:
    """Seconds a task may take, or None."""
    if "TimeoutSeconds" not in state:
        return None
    if isinstance(state["TimeoutSeconds"], str):
        return float(stepfunctions._jsonata_state_field(state, "TimeoutSeconds", "number", data, ctx))
    return float(state["TimeoutSeconds"])
