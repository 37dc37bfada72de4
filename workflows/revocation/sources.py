"""``config/crl.toml``: the addresses from which the operator wants lists fetched."""

from typing import Annotated

from msgspec import Meta, Struct

from workflows import configuration
from workflows.hashes import Sha256


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One CA's list. `addresses` are tried in order; `private` allows private IP addresses for them, but never for a redirect."""

    ca: Sha256
    addresses: Annotated[tuple[Annotated[str, Meta(pattern="^https?://[^/?#@]+")], ...], Meta(min_length=1)]
    every_minutes: Annotated[int, Meta(ge=5, le=10_080)] = 60
    private: bool = False


class Sources(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: tuple[Source, ...] = ()


def load(text: str) -> tuple[Source, ...]:
    """Read the text of ``config/crl.toml``. Raises `ConfigurationInvalid`."""
    return configuration.load(text, Sources, file="config/crl.toml").source
