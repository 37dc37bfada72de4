"""AWS as it fails: a call that is refused before it takes effect, or a process that dies right after it did.

Both are hooked into botocore's own events on the functions' clients, so that everything else of a call stays real.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from functions.shared import aws

SERVICES = ("dynamodb", "iot", "s3", "sns", "events", "kms", "stepfunctions", "sqs", "sesv2", "cognito-idp")


class Died(Exception):  # noqa: N818 - what a killed process would say, if it could
    """The process ended here."""


@contextmanager
def refused(
    service: str, operation: str, code: str, *, times: int = 1, status: int = 400, after: int = 0
) -> Iterator[list[int]]:
    """The call answers AWS's error `code`, `times` times, after `after` calls that pass. Yields a list that counts refusals."""
    passed: list[int] = []
    refusals: list[int] = []

    def answer(**_: Any) -> Any:
        if len(passed) < after:
            passed.append(1)
            return None
        if len(refusals) >= times:
            return None
        refusals.append(1)
        error = {"Error": {"Code": code, "Message": f"{operation} was refused by the test"}}
        return SimpleNamespace(status_code=status), error | {"ResponseMetadata": {"HTTPStatusCode": status}}

    with hooked(f"before-call.{service}.{operation}", answer, (service,)):
        yield refusals


class Killed(BaseException):
    """The same where the function catches every `Exception`: nothing of it catches this."""


@contextmanager
def dying_after(number: int, error: type[BaseException] = Died) -> Iterator[list[str]]:
    """The process dies once its `number`-th call to AWS has taken effect (from 1; 0: never). Yields the calls made, in order."""
    calls: list[str] = []

    def count(model: Any, **_: Any) -> None:
        calls.append(f"{model.service_model.service_name}.{model.name}")
        if len(calls) == number:
            raise error(calls[-1])

    with hooked("after-call", count, SERVICES):
        yield calls


@contextmanager
def listening(service: str, operation: str) -> Iterator[list[dict[str, Any]]]:
    """Yields the parameters of each such call."""
    asked: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(dict(params))

    with hooked(f"provide-client-params.{service}.{operation}", note, (service,)):
        yield asked


@contextmanager
def before(service: str, operation: str, act: Callable[[], Any], **parameters: object) -> Iterator[None]:
    """`act` right before the first call with these parameters: what somebody else does in between."""
    acted: list[int] = []

    def look(params: dict[str, Any], **_: Any) -> None:
        if not acted and parameters.items() <= params.items():
            acted.append(1)
            act()

    with hooked(f"provide-client-params.{service}.{operation}", look, (service,)):
        yield


@contextmanager
def page_size(service: str, operation: str, **limit: int) -> Iterator[list[int]]:
    """AWS answers in pages of this size. Yields a list that counts the pages."""
    pages: list[int] = []

    def ask(params: dict[str, Any], **_: Any) -> None:
        pages.append(1)
        params.update(limit)

    with hooked(f"before-parameter-build.{service}.{operation}", ask, (service,)):
        yield pages


@contextmanager
def answering(service: str, operation: str, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """AWS's answer is changed in place before the function sees it."""

    def answer(parsed: dict[str, Any], **_: Any) -> None:
        change(parsed)

    with hooked(f"after-call.{service}.{operation}", answer, (service,)):
        yield


@contextmanager
def unprocessed(key: str, *, times: int) -> Iterator[None]:
    """BatchGetItem leaves the item under this lookup key unread, `times` times."""
    left: list[int] = []

    def leave(answer: dict[str, Any]) -> None:
        for table, items in answer["Responses"].items():
            kept = [item for item in items if item["lookup_key"]["S"] != key]
            if len(left) < times and len(kept) < len(items):
                left.append(1)
                answer["Responses"][table] = kept
                answer["UnprocessedKeys"] = {table: {"Keys": [{"lookup_key": {"S": key}}], "ConsistentRead": True}}

    with answering("dynamodb", "BatchGetItem", leave):
        yield


@contextmanager
def entries_refused() -> Iterator[None]:
    """PutEvents answers 200, and in its body that the entry was not taken."""
    refusal = {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
    with answering("events", "PutEvents", lambda answer: answer.update(FailedEntryCount=1, Entries=[refusal])):
        yield


def after_every_call(run: Callable[[], Any]) -> Iterator[int]:
    """How many calls `run` makes when nothing goes wrong, then each of their numbers."""
    with dying_after(0) as calls:
        run()
    yield from range(1, len(calls) + 1)


@contextmanager
def hooked(event: str, handler: Callable[..., Any], services: tuple[str, ...]) -> Iterator[None]:
    clients = [aws.client(service) for service in services]
    for client in clients:
        client.meta.events.register_first(event, handler)
    try:
        yield
    finally:
        for client in clients:
            client.meta.events.unregister(event, handler)
