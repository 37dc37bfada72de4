"""Whatever happens in whatever order, what is promised holds."""

from hypothesis import settings

from tests.unit.approval.promises import Promised

Promised.TestCase.settings = settings(max_examples=300, stateful_step_count=30)
TestInterleavings = Promised.TestCase
