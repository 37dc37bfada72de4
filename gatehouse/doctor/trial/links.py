"""The result of a link of the chain, and how long the command waits for each."""

from collections.abc import Callable
from typing import Literal, get_args

from msgspec import Struct

from workflows.errors import GatehouseError

Name = Literal["note", "CA", "list", "certificate", "start", "execution", "outcome", "end"]
ORDER: tuple[Name, ...] = get_args(Name)


class Limits(Struct, frozen=True, kw_only=True):
    """Seconds. If the rate-limit slot is later than `execution` allows, the command does not wait; the link names the time."""

    judged: float = 60
    registered: float = 60
    started: float = 90
    execution: float = 180
    ended: float = 45


class Link(Struct, frozen=True, kw_only=True):
    """One link of the chain. ``running`` reports progress within a link; ``stuck`` has `advice`."""

    name: Name
    state: Literal["ok", "running", "stuck"]
    result: str
    advice: str = ""
    seconds: float = 0.0


Report = Callable[[Link], None]


class Stuck(GatehouseError):  # noqa: N818 - the name is the finding
    """A link does not hold. `advice` says what to do, and names the resource."""

    def __init__(self, result: str, advice: str) -> None:
        self.result = result
        self.advice = advice
        super().__init__(result)
