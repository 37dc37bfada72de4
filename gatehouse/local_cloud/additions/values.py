"""The engine's untyped shapes, named."""

from typing import Any

Json = Any
"""A decoded JSON value."""

Response = tuple[int, dict[str, str], bytes]
"""What the engine's handlers answer: status, headers, body."""
