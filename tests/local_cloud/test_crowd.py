"""A hundred devices of all kinds knock five times each, at once, where ten calls of Lambda may be in flight, as in a new account of AWS."""

from pathlib import Path

import msgspec
import pytest

from gatehouse.local_cloud.cloud import LocalCloud
from tests.local_cloud.conftest import settings_in
from tests.local_cloud.crowd import Crowd

pytestmark = pytest.mark.local_cloud

DEVICES, AT_ONCE = 100, 10
WAIT_SCALE = 0.1  # at less, whoever waits for a Lambda asks so often that asking is the work


def test_every_device_of_a_crowd_ends_in_its_one_right_outcome(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(
        settings_in(tmp_path / "home"), lambda_concurrency=AT_ONCE, wait_scale=WAIT_SCALE
    )
    cloud, folder = LocalCloud(settings), tmp_path / "ca"
    folder.mkdir()
    try:
        cloud.up()
        became = Crowd(cloud, folder, DEVICES).come(within=300)
    finally:
        cloud.down()
    assert became.wrong == {}
    assert (became.executions, became.failed, became.duplicates) == (DEVICES, 0, 0)
    assert became.throttled > 0  # or it was no crowd
    assert became.processes <= 1 + AT_ONCE + settings.lambda_idle + 5  # the engine, and some that are just ending
