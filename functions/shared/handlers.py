"""How a Lambda function is called: its event is decoded, its result is encoded, and each call is logged and counted.

Four decorators, by what the event is:

- `step`: one contract, from a state of a machine or from a caller that invokes the function by its name;
- `on_event`: an event of an AWS service, with a reader for it;
- `triggered`: an event that the function does not read, such as a schedule's;
- `observed` (in `observability`): logs and counts only, for a function that hands its event to a library.

Lambda calls the decorated function: ``handler(event, context)``, with a result of JSON types. A function with one more parameter also gets
the `Context`. An event that cannot be decoded is logged and counted like every other fault, and the caller gets the reader's error.
"""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from functions.shared.observability import Handler, observed
from workflows.admission import contracts

E = TypeVar("E")


class Context(Protocol):
    """The parts of Lambda's context object that functions use.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    @property
    def invoked_function_arn(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int: ...


def step(contract: type[E]) -> Callable[[Callable[[E], Struct] | Callable[[E, Context], Struct]], Handler]:
    """Call the function with the event as `contract`. The handler raises `BadInput` for an event of another shape."""
    return on_event(lambda event: contracts.read(contract, event))


def on_event(
    reader: Callable[[Any], E],
) -> Callable[[Callable[[E], Struct] | Callable[[E, Context], Struct]], Handler]:
    """Call the function with what `reader` returns for the event. The handler raises what `reader` raises."""

    def decorate(function: Callable[[E], Struct] | Callable[[E, Context], Struct]) -> Handler:
        return _handler(function, lambda event, context: (reader(event), context))

    return decorate


def triggered(function: Callable[[], Struct] | Callable[[Context], Struct]) -> Handler:
    """Call the function without the event, which holds nothing that the function needs."""
    return _handler(function, lambda _, context: (context,))


def _handler(function: Callable[..., Struct], arguments: Callable[[Any, Any], tuple[Any, ...]]) -> Handler:
    wanted = len(signature(function).parameters)

    @observed
    @wraps(function)
    def handler(event: Any, context: Any) -> Any:
        return contracts.write(function(*arguments(event, context)[:wanted]))

    return handler
