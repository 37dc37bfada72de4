"""Engines for tests: on free ports and in temporary homes, so that a developer's own local cloud is never met."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.local_cloud.settings import LocalCloudSettings

SAMPLE_TEMPLATE = Path(__file__).parent / "engine" / "sample" / "template.yaml"
WAIT_SCALE = 0.02


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def settings_in(home: Path) -> LocalCloudSettings:
    return LocalCloudSettings(home=home, port=free_port(), mqtt_port=free_port(), wait_scale=WAIT_SCALE)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A bare engine with the additions; ``.up()`` deploys the sample stack."""
    cloud = LocalCloud(settings_in(tmp_path_factory.mktemp("engine")), template=SAMPLE_TEMPLATE)
    cloud.start_engine()
    yield cloud
    cloud.down()


@pytest.fixture(scope="session")
def sample_stack(engine: LocalCloud) -> dict[str, str]:
    """The outputs of the sample stack, deployed in ``engine``."""
    return engine.up().outputs


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """An engine of its own with Gatehouse's template.yaml deployed."""
    local_cloud = LocalCloud(settings_in(tmp_path_factory.mktemp("cloud")))
    local_cloud.up()
    yield local_cloud
    local_cloud.down()
