"""Logs and metrics, the same for every function: JSON lines that carry the certificate and the execution, EMF metrics.

Events are never logged: one of them carries a task token.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

from workflows.errors import GatehouseError

E = TypeVar("E")
C = TypeVar("C")
R = TypeVar("R")
Handler = Callable[[Any, Any], Any]
"""As Lambda calls it: with the decoded event and its context object."""

logger = Logger()
NAMESPACE = "Gatehouse"
metrics = Metrics(namespace=NAMESPACE)

_CERTIFICATES = (
    ("certificate_id",),
    ("certificate", "certificate_id"),
    ("dossier", "claim", "certificate_id"),
    ("item", "certificate_id"),
)
"""The places in a function's event where the certificate's id may be."""


def count(name: str, value: int = 1, **dimensions: str) -> None:
    """Add one business metric. Use few dimensions, since each combination is a metric of its own.

    A metric with dimensions is written on a line of its own: the dimensions of a line apply to all its metrics, so an alarm on another
    metric of that line would miss it.
    """
    if not dimensions:
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
        return
    with single_metric(name=name, unit=MetricUnit.Count, value=value, namespace=NAMESPACE) as alone:
        for key, text in dimensions.items():
            alone.add_dimension(name=key, value=text)


def observed(handler: Callable[[E, C], R]) -> Callable[[E, C], R]:
    """Log the end of each call with its correlation keys. Count and log a fault, and raise it again."""

    @wraps(handler)
    def observed_handler(event: E, context: C) -> R:
        logger.append_keys(**_correlation(event), function_request_id=getattr(context, "aws_request_id", None))
        try:
            result = handler(event, context)
        except GatehouseError as error:
            count("Fault", error=type(error).__name__)
            logger.warning("%s: %s", type(error).__name__, error)
            raise
        except Exception:
            count("Fault", error="unforeseen")
            logger.exception("unforeseen error")
            raise
        finally:
            if metrics.metric_set:  # most calls count nothing, and flushing an empty set logs a warning
                metrics.flush_metrics()
        logger.info("done", extra=_status(result))
        return result

    return observed_handler


def _correlation(event: object) -> dict[str, str | None]:
    """Returns the keys by which a log line is found: certificate and execution. The events of the states hold both."""
    return {
        "certificate_id": next(
            (certificate_id for place in _CERTIFICATES if (certificate_id := _inside(event, *place))), None
        ),
        "execution": _inside(event, "execution", "arn"),
    }


def _inside(event: object, *place: str) -> str | None:
    """Returns the text at this place of the event; None if there is no text. The event may have any shape."""
    for key in place:
        event = event.get(key) if isinstance(event, dict) else None
    return event if isinstance(event, str) else None


def _status(result: object) -> dict[str, Any]:
    keys = ("status", "action", "outcome", "certificate_status")
    return {key: result[key] for key in keys if key in result} if isinstance(result, dict) else {}
