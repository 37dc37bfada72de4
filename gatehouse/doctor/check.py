"""The result of one check of `gatehouse doctor`."""

from typing import Literal

from msgspec import Struct


class Check(Struct, frozen=True, kw_only=True):
    """One check. A ``warning`` will cause trouble later; ``wrong`` keeps devices out or loses something now."""

    name: str
    state: Literal["ok", "warning", "wrong"]
    result: str
    advice: str = ""
