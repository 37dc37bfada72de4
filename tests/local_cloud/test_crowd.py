"""A hundred devices of all kinds knock five times each, at once, where ten calls of Lambda may be in flight, as in a new account of AWS."""

from pathlib import Path

import pytest

from tests.local_cloud.conftest import settings_in
from tests.local_cloud.crowd import come

pytestmark = pytest.mark.local_cloud

DEVICES, AT_ONCE = 100, 10


def test_every_device_of_a_crowd_ends_in_its_one_right_outcome(tmp_path: Path) -> None:
    became = come(tmp_path, DEVICES, at_once=AT_ONCE, within=300)
    assert became.wrong == {}
    assert (became.executions, became.failed, became.duplicates) == (DEVICES, 0, 0)
    assert became.throttled > 0  # or it was no crowd
    assert (
        became.processes <= 1 + AT_ONCE + settings_in(tmp_path).lambda_idle + 5
    )  # the engine, and some that are just ending
