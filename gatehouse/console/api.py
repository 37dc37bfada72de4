"""The questions that the page asks, and their answers as JSON."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, get_args

from msgspec import Struct

from gatehouse.admission import admissions, redrive
from gatehouse.admission.admissions import Standing
from gatehouse.console import cache, executions, fleet, history, payloads, waiting
from gatehouse.console.cache import Answers, KeptClients
from gatehouse.console.errors import RedriveNotAllowed
from gatehouse.console.history import Event
from gatehouse.errors import NotFound
from gatehouse.evidence import audit_trail
from gatehouse.revocation import freshness
from gatehouse.stack.target import Target
from workflows import stored
from workflows.errors import BadInput

Query = Mapping[str, str]
_STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE")


class Redrive(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person sends to have an execution go on."""

    execution_arn: str
    reason: str


class Api:
    """Answers for one stack. Reads only, but for `redrive`."""

    def __init__(
        self,
        target: Target,
        *,
        redrive_allowed: bool,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        answers: Answers | None = None,
    ) -> None:
        self._target = KeptClients(target)
        self._redrive_allowed = redrive_allowed
        self._now = now
        self._answers = answers or Answers()
        self._pace = cache.LOCAL if target.local else cache.AWS
        self._routes: dict[str, Callable[[Query], Any]] = {
            "session": self._session,
            "fleet": self._fleet,
            "admissions": self._admissions,
            "admission": self._admission,
            "executions": self._executions,
            "execution": self._execution,
            "graph": self._graph,
            "visit": self._visit,
            "event": self._event,
            "approvals": self._approvals,
            "lists": self._lists,
        }

    def get(self, name: str, query: Query) -> Any:
        """The answer to ``GET /api/<name>``. Raises `NotFound`, `BadInput`, and whatever AWS refuses with."""
        if name not in self._routes:
            raise NotFound(f"There is no /api/{name[:40]}.")
        return self._routes[name](query)

    def redrive(self, body: bytes) -> Any:
        """``POST /api/redrive``. Raises `RedriveNotAllowed`, `BadInput`, `AnsweredNo`, `TrailUnavailable`."""
        if not self._redrive_allowed:
            raise RedriveNotAllowed(
                "This console is read-only. Start it with `gatehouse console --allow-redrive`, "
                "or redrive with `gatehouse admissions redrive`."
            )
        try:
            asked = stored.read(body, Redrive)
        except stored.Unreadable as error:
            raise BadInput(f"{error}. Expected execution_arn and reason.") from error
        arn = executions.require_ours(self._target, asked.execution_arn)
        audit_trail.require_reason(asked.reason)
        key = redrive.redrive(self._target, executions.certificate_of(self._target, arn), arn, asked.reason)
        self._answers.forget()
        return {"evidence_key": key}

    def _session(self, query: Query) -> Any:
        del query
        local = self._target.local
        region = local.region if local else self._target.client("stepfunctions").meta.region_name
        return {
            "stack": self._target.stack,
            "target": "local" if local else "aws",
            "region": region,
            "account": self._target.output("StateMachineArn").split(":")[4],
            "approvals_url": self._target.outputs.get("ApprovalsUrl"),
            "redrive_allowed": self._redrive_allowed,
            "longest_reason": audit_trail.LONGEST_REASON,
        }

    def _fleet(self, query: Query) -> Any:
        del query
        return self._answers.get("fleet", self._pace.fleet, lambda: fleet.funnel(self._target))

    def _admissions(self, query: Query) -> Any:
        words, outcome = query.get("q", "")[:200], _one_of(query.get("outcome"), get_args(Standing), "outcome")
        seconds = self._pace.search if words else self._pace.admissions
        key = ("admissions", words, outcome)
        return self._answers.get(key, seconds, lambda: fleet.search(self._target, words, outcome))  # type: ignore[arg-type]

    def _admission(self, query: Query) -> Any:
        """One certificate: its row, its requests for approval, and the executions that sealed a record of it."""
        name = _required(query, "certificate")
        return self._answers.get(("admission", name), self._pace.admissions, lambda: self._about(name))

    def _about(self, certificate_id: str) -> Any:
        found = admissions.by_certificate(self._target, certificate_id)
        if found is None:
            raise NotFound(f"No admission of certificate {certificate_id[:64]}.")
        return {
            "admission": found,
            "approvals": [waiting.to_page(one) for one in waiting.of_certificate(self._target, certificate_id)],
            "sealed": executions.sealed(self._target, certificate_id),
            "aws_console": admissions.history_url(self._target, found),
        }

    def _executions(self, query: Query) -> Any:
        status = _one_of(query.get("status"), _STATUSES, "status")
        return self._answers.get(
            ("executions", status), self._pace.admissions, lambda: executions.newest(self._target, status)
        )

    def _execution(self, query: Query) -> Any:
        arn = self._arn(query)
        return self._answers.get(
            ("execution", arn),
            self._pace.execution,
            lambda: executions.read(self._target, arn, self._history(arn)),
        )

    def _graph(self, query: Query) -> Any:
        arn = self._arn(query) if query.get("arn") else None
        return self._answers.get(
            ("graph", arn), self._pace.definition, lambda: executions.definition(self._target, arn)
        )

    def _visit(self, query: Query) -> Any:
        arn, number = self._arn(query), _number(query)
        visits = history.read(told := self._history(arn)).visits
        if number >= len(visits):
            raise NotFound(f"The execution has made {len(visits)} visits so far; there is no number {number}.")
        return payloads.of_visit(told, visits[number])

    def _event(self, query: Query) -> Any:
        arn, number = self._arn(query), _number(query)
        found = payloads.of_event(self._history(arn), number)
        if found is None:
            raise NotFound(f"The execution has no event {number}.")
        return found

    def _approvals(self, query: Query) -> Any:
        del query
        found = self._answers.get("approvals", self._pace.approvals, lambda: waiting.read(self._target))
        return {
            "pending": [waiting.to_page(one) for one in found.pending],
            "owed": [waiting.to_page(one) for one in found.owed],
            "complete": found.complete,
        }

    def _lists(self, query: Query) -> Any:
        del query
        return self._answers.get("lists", self._pace.lists, lambda: freshness.read(self._target, self._now()))

    def _arn(self, query: Query) -> str:
        return executions.require_ours(self._target, _required(query, "arn"))

    def _history(self, arn: str) -> list[Event]:
        return self._answers.get(("history", arn), self._pace.execution, lambda: executions.events(self._target, arn))


def _required(query: Query, name: str) -> str:
    if not query.get(name):
        raise BadInput(f"The parameter {name} is missing.")
    return query[name]


def _number(query: Query) -> int:
    text = _required(query, "number")
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise BadInput(f"number is {text[:20]!r}; expected digits.")
    return int(text)


def _one_of(value: str | None, allowed: tuple[str, ...], name: str) -> str | None:
    if value and value not in allowed:
        raise BadInput(f"{name} is {value[:40]!r}; expected one of {', '.join(allowed)}.")
    return value or None
