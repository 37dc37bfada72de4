"""From the last release to this code, on the deployed stack: who waits is let in, and what had failed is redriven."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.admission import admissions, redrive
from gatehouse.device.mqtt import Connection
from gatehouse.local_cloud.cloud import REPOSITORY, LocalCloud
from tests import releases
from tests.local_cloud.conftest import settings_in
from tests.local_cloud.test_approvals import FROM, WITHIN, World
from tests.local_cloud.waiting import eventually

pytestmark = pytest.mark.local_cloud


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The last release, deployed."""
    template = releases.unpack(tmp_path / "release")
    cloud = LocalCloud(settings_in(tmp_path / "home"), template=template)
    try:
        yield World(cloud, tmp_path)
    finally:
        cloud.down()


def test_what_waits_and_what_failed_under_the_last_release_end_under_this_one(world: World) -> None:
    waiting, failing = world.asks("pump-85"), world.asks("pump-86")
    world.votes("ada", waiting)

    iam = world.cloud.client("iam")
    role = next(one["RoleName"] for one in _roles(world) if "AttachPolicyFunctionRole" in one["RoleName"])
    [name] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    kept = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=name)
    for who in ("ada", "sam"):
        world.votes(who, failing)
    assert world.outcome("pump-86") == "failed"
    iam.put_role_policy(
        RoleName=role, PolicyName=name, PolicyDocument=kept if isinstance(kept, str) else json.dumps(kept)
    )

    LocalCloud(world.cloud.settings, template=REPOSITORY / "template.yaml").up(parameters={"MailFrom": FROM})
    world.votes("sam", waiting)
    assert world.outcome("pump-85") == "admitted"
    assert world.knocks("pump-85") is Connection.CONNECTED

    failed = admissions.by_certificate(world.target, world.devices["pump-86"].certificate_id)
    assert failed is not None
    redrive.redrive(world.target, failed.certificate_id, failed.execution_arn, "The role was mended")
    eventually(lambda: world.outcome("pump-86") == "admitted", within=WITHIN, what="pump-86 is admitted")
    assert world.knocks("pump-86") is Connection.CONNECTED


def _roles(world: World) -> list[dict[str, str]]:
    pages = world.cloud.client("iam").get_paginator("list_roles").paginate()
    return [role for page in pages for role in page["Roles"]]
