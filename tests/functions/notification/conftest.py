"""The same scene as for approvals: what people are told most is about them."""

from tests.functions.approval.conftest import post, scene

__all__ = ["post", "scene"]
