"""One engine a home: found again, kept to loopback, stopped without leftovers. Reads /proc, so on Linux."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gatehouse.local_cloud import home, process
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.local_cloud.errors import HomeUnusable, LocalCloudError, NotRunning, PortTaken
from gatehouse.local_cloud.settings import LocalCloudSettings
from gatehouse.stack.target import Target
from tests.local_cloud.conftest import settings_in
from tests.local_cloud.waiting import eventually
from workflows.errors import BadInput

pytestmark = pytest.mark.local_cloud


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[LocalCloud]:
    local_cloud = LocalCloud(settings_in(tmp_path))
    yield local_cloud
    local_cloud.down()


def listeners() -> set[tuple[str, int]]:
    """Address (as the kernel writes it) and port of everything that listens on this machine."""
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    return {(address, int(port, 16)) for row in rows if row[3] == "0A" for address, port in [row[1].split(":")]}


def group_members(leader: int) -> list[int]:
    """The processes of a process group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def hold(settings: LocalCloudSettings) -> "subprocess.Popen[bytes]":
    """A `gatehouse up` in the foreground, once its engine runs."""
    script = (
        "import msgspec, sys\n"
        "from gatehouse.local_cloud.cloud import LocalCloud\n"
        "from gatehouse.local_cloud.settings import LocalCloudSettings\n"
        "from pathlib import Path\n"
        f"cloud = LocalCloud(LocalCloudSettings(home=Path({str(settings.home)!r}), port={settings.port}, mqtt_port={settings.mqtt_port}))\n"
        "cloud.start_engine()\n"
        "cloud.run_until_stopped(ready=lambda: print('held', flush=True))\n"
    )
    foreground = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert foreground.stdout is not None
    assert foreground.stdout.readline() == b"held\n"
    return foreground


def test_nothing_listens_on_anything_but_loopback(bare: LocalCloud) -> None:
    before = listeners()
    bare.start_engine()
    loopback = "0100007F"
    assert listeners() - before == {(loopback, bare.settings.port), (loopback, bare.settings.mqtt_port)}


def test_aws_iot_is_throttled_for_those_who_ask_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatehouse.local_cloud.cloud.RETRIES", {"total_max_attempts": 1})
    local_cloud = LocalCloud(msgspec.structs.replace(settings_in(tmp_path), iot_calls_per_second=0.01))
    try:
        local_cloud.start_engine()
        iot = local_cloud.client("iot")
        with pytest.raises(iot.exceptions.ResourceNotFoundException):
            iot.describe_certificate(certificateId="0" * 64)
        with pytest.raises(iot.exceptions.ThrottlingException):
            iot.describe_certificate(certificateId="0" * 64)
        assert iot.list_things()["things"] == []
    finally:
        local_cloud.down()
    lines = [line.split()[1:] for line in local_cloud.settings.iot_calls.read_text().splitlines()]
    assert ["iot:DescribeCertificate", "passed"] in lines
    assert ["iot:DescribeCertificate", "throttled"] in lines


def test_a_second_up_finds_the_first(bare: LocalCloud) -> None:
    assert bare.start_engine()
    again = LocalCloud(bare.settings)
    assert not again.start_engine()
    assert again.status() == bare.status()
    assert again.status().pid == process.find(bare.settings)


def test_status_of_a_home_without_a_cloud(tmp_path: Path) -> None:
    cloud = LocalCloud(settings_in(tmp_path))
    assert not cloud.status().running
    assert not cloud.down()
    with pytest.raises(NotRunning, match="gatehouse up"):
        cloud.client("iot")


@pytest.mark.parametrize(("field", "variable"), [("port", "GATEHOUSE_PORT"), ("mqtt_port", "GATEHOUSE_MQTT_PORT")])
def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path, field: str, variable: str) -> None:
    settings = settings_in(tmp_path)
    with socket.create_server(("127.0.0.1", getattr(settings, field))), pytest.raises(PortTaken) as refused:
        LocalCloud(settings).start_engine()
    assert str(getattr(settings, field)) in str(refused.value)
    assert variable in str(refused.value)
    assert process.find(settings) is None


def test_the_holder_of_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        holder = process.holder_of(server.getsockname()[1])
    assert holder is not None
    assert f"(pid {os.getpid()})" in holder


def test_down_leaves_no_process_of_the_engine(engine: LocalCloud, bare: LocalCloud) -> None:
    bare.template = engine.template
    outputs = bare.up().outputs
    bare.client("lambda").invoke(FunctionName=outputs["WorkFunctionName"], Payload=b"{}")  # a worker of its own
    leader = bare.status().pid
    assert leader is not None
    assert len(group_members(leader)) >= 2
    assert bare.down()
    assert group_members(leader) == []
    assert engine.status().running  # another home's engine is none of its business


def test_a_pid_in_a_file_that_nobody_holds_is_never_signalled(tmp_path: Path) -> None:
    cloud = LocalCloud(settings_in(tmp_path))
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        cloud.settings.lock.write_text(str(bystander.pid))
        assert not cloud.down()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_an_engine_that_was_killed_is_not_taken_for_running(bare: LocalCloud) -> None:
    bare.start_engine()
    pid = bare.status().pid
    assert pid is not None
    os.killpg(pid, signal.SIGKILL)
    eventually(lambda: process.find(bare.settings) is None)
    assert not bare.status().running
    assert bare.start_engine()


def test_what_a_killed_engine_left_is_removed_by_the_next(bare: LocalCloud) -> None:
    bare.start_engine()
    pid = bare.status().pid
    assert pid is not None
    os.killpg(pid, signal.SIGKILL)
    eventually(lambda: process.find(bare.settings) is None)
    [left] = bare.settings.scratch.iterdir()
    (left / "a-gigabyte").write_text("")
    (bare.settings.scratch / "of-an-older-version").write_text("")
    bare.start_engine()
    [own] = bare.settings.scratch.iterdir()
    assert own != left
    bare.down()
    assert not bare.settings.scratch.exists()


def test_an_engine_whose_starter_was_killed_is_replaced(bare: LocalCloud) -> None:
    bare.start_engine()
    lost = bare.status().pid
    bare.settings.status_file.unlink()  # its key was never written down
    assert not bare.status().running
    assert bare.start_engine()
    assert bare.status().pid not in (None, lost)
    bare.client("sts").get_caller_identity()


def test_an_up_that_starts_while_another_stops_keeps_its_engine(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    first = hold(settings)
    second = threading.Thread(target=LocalCloud(settings).start_engine)
    with (tmp_path / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # both wait for their turn
        first.send_signal(signal.SIGINT)
        second.start()
    assert first.wait(timeout=20) == 0
    second.join()
    cloud = LocalCloud(settings)
    cloud.start_engine()  # if the second found the first's engine and not yet its end
    try:
        assert cloud.status().running
        assert cloud.client("s3").list_buckets()["Buckets"] == []
        assert len(list(settings.scratch.iterdir())) == 1
    finally:
        cloud.down()


def test_a_foreground_up_leaves_anothers_engine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STOP_WITHIN_SECONDS", 1.0)  # its parent, which is stopped, does not wait for it
    settings = settings_in(tmp_path)
    first = hold(settings)
    pid = process.find(settings)
    assert pid is not None
    with (tmp_path / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first.send_signal(signal.SIGSTOP)
        process.stop(settings)
        process.start(settings, process.Key.new())
        first.send_signal(signal.SIGINT)
        first.send_signal(signal.SIGCONT)
    first.wait(timeout=20)
    try:
        assert process.find(settings) not in (None, pid)
    finally:
        LocalCloud(settings).down()


def test_a_full_disk_is_said_and_leaves_no_engine(bare: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(bare.settings.status_file))

    monkeypatch.setattr(LocalCloud, "_remember", full)
    with pytest.raises(HomeUnusable, match=f"{bare.settings.status_file}: No space left on device.*GATEHOUSE_HOME"):
        bare.up()
    assert process.find(bare.settings) is None
    monkeypatch.setattr(home, "NEEDED_BYTES", 1 << 62)
    with pytest.raises(HomeUnusable, match="MB left"):
        bare.start_engine()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_foreground_mode_ends_with_everything_it_started(tmp_path: Path, number: signal.Signals) -> None:
    settings = settings_in(tmp_path)
    foreground = hold(settings)
    pid = process.find(settings)
    assert pid is not None
    foreground.send_signal(number)
    assert foreground.wait(timeout=20) == 0
    assert process.find(settings) is None


def test_the_engine_sees_nothing_of_the_operators_aws_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.setenv(name, "the operator's")
    assert "the operator's" not in process.environment(settings_in(tmp_path), process.Key.new(), tmp_path).values()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GATEHOUSE_PORT", "http"),
        ("GATEHOUSE_PORT", "0"),
        ("GATEHOUSE_MQTT_PORT", "65536"),
        ("SFN_WAIT_SCALE", "slow"),
        ("SFN_WAIT_SCALE", "nan"),
        ("GATEHOUSE_IOT_CALLS_PER_SECOND", "many"),
        ("GATEHOUSE_IOT_CALLS_PER_SECOND", "0"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(variable: str, value: str) -> None:
    with pytest.raises(LocalCloudError, match=variable):
        LocalCloudSettings.from_environment({variable: value})


def test_the_command_aims_at_the_running_cloud(bare: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.start_engine()
    monkeypatch.setenv("GATEHOUSE_HOME", str(bare.settings.home))
    monkeypatch.setenv("GATEHOUSE_TARGET", "local")
    target = Target.resolve()
    assert target.client("sts").get_caller_identity()["Account"] == "000000000000"
    assert target.mqtt_endpoint().port == bare.settings.mqtt_port
    with pytest.raises(BadInput, match="--stack"):
        _ = target.outputs
    monkeypatch.setenv("GATEHOUSE_TARGET", "moon")
    with pytest.raises(BadInput, match="expected local or aws"):
        Target.resolve()


def test_what_stands_on_disk_is_what_status_says(bare: LocalCloud) -> None:
    bare.start_engine()
    written = msgspec.json.decode(bare.settings.status_file.read_bytes())
    assert written["endpoint"] == bare.status().endpoint
    assert Path(written["broker_ca"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
