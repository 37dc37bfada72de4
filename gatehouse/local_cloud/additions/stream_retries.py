"""Retries of a DynamoDB stream: partial failures, bisection, an end to them, and the on-failure destination.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html and …/services-ddb-params.html. The engine
takes ``batchItemFailures`` for success, so what a function could not do is lost, and retries a batch that raised for ever. A throttled
batch never reached the function: it waits, and none of the limits counts it (…/kinesis-on-failure-destination.html and
…/services-dynamodb-errors.html: these settings do not apply to throttles).
"""

import time
from typing import NamedTuple

from ministack.services import lambda_svc

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json

_NEVER_GIVES_UP = -1

_INVOKE_NOW = "result = _execute_function(func_rec, event)\n"
_INVOKE_THEN = """\
result = _execute_function(func_rec, event)
            if result.get("throttle"):
                _let_it_wait(esm_id)
                continue
            done = _done_before_failure(esm, result, raw)
            if done is not None and done < raw_len:
                result = {**result, "error": True}
                pos += done
                raw, raw_len = raw[done:], raw_len - done
                _dynamodb_stream_positions[esm_id] = pos
"""
_FAILED_NOW = "_esm_backoff_until[esm_id] = time.time() + _ESM_BACKOFF_SECONDS\n"
_FAILED_THEN = """\
if _gives_up(esm, pos, raw_len):
                    _send_ddb_stream_failure_record(
                        esm, func_rec, raw, source_arn, result, "RetryAttemptsExhausted")
                    _dynamodb_stream_positions[esm_id] = pos + raw_len
                    processed_any = True
                    continue
                _esm_backoff_until[esm_id] = time.time() + _ESM_BACKOFF_SECONDS
"""


class _Trouble(NamedTuple):
    """Where a mapping is stuck: at which position, after how many failures, and how many records it takes at a time."""

    position: int
    failures: int
    at_a_time: int


_troubles: dict[str, _Trouble] = {}


def apply() -> None:
    lambda_svc._done_before_failure = _done_before_failure
    lambda_svc._gives_up = _gives_up
    lambda_svc._let_it_wait = _let_it_wait
    lambda_svc._bisected = _bisected
    patch.edit(
        lambda_svc,
        "_poll_dynamodb_streams",
        ("raw_len = len(batch)\n", "raw = batch = _bisected(esm, pos, batch)\n            raw_len = len(batch)\n"),
        (_INVOKE_NOW, _INVOKE_THEN),
        (_FAILED_NOW, _FAILED_THEN),
    )


def _let_it_wait(mapping: str) -> None:
    lambda_svc._esm_backoff_until[mapping] = time.time() + lambda_svc._ESM_BACKOFF_SECONDS


def _bisected(esm: Json, position: int, batch: list[Json]) -> list[Json]:
    trouble = _troubles.get(esm["UUID"])
    return batch[: trouble.at_a_time] if trouble and trouble.position == position else batch


def _done_before_failure(esm: Json, result: Json, batch: list[Json]) -> int | None:
    """How many records of the batch were done before the first that failed; None when the function raised or reports nothing."""
    answer = result.get("body")
    if result.get("error") or "ReportBatchItemFailures" not in (esm.get("FunctionResponseTypes") or []):
        return None
    failures = (answer.get("batchItemFailures") if isinstance(answer, dict) else None) or []
    failed = {failure.get("itemIdentifier") for failure in failures}
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
    if not failed <= set(numbers):
        return 0  # an identifier that is none: the whole batch counts as failed
    return next((index for index, number in enumerate(numbers) if number in failed), len(batch))


def _gives_up(esm: Json, position: int, remaining: int) -> bool:
    """Count one more failure at a position; whether it was the last that the mapping allows."""
    before = _troubles.get(esm["UUID"])
    failures = before.failures if before and before.position == position else 0
    if remaining > 1 and str(esm.get("BisectBatchOnFunctionError")).lower() == "true":
        _troubles[esm["UUID"]] = _Trouble(position, failures, remaining // 2)  # splitting counts as no retry
        return False
    _troubles[esm["UUID"]] = _Trouble(position, failures + 1, remaining)
    allowed = int(esm.get("MaximumRetryAttempts", _NEVER_GIVES_UP))
    return allowed != _NEVER_GIVES_UP and failures + 1 > allowed
