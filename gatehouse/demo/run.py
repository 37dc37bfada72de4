"""One run of the demo: starts a local cloud, prepares it, runs the scenes, reads their results, and stops the cloud."""

import shutil
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from gatehouse.demo import results, stage
from gatehouse.demo.pki import DemoCa, Identity
from gatehouse.demo.results import Result
from gatehouse.demo.scenes import SCENES, Scene, SceneDevice, Trouble
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.local_cloud.settings import LOOPBACK, LocalCloudSettings
from gatehouse.stack.target import Target
from workflows.admission.facts import issuer_key
from workflows.errors import BadInput, GatehouseError

Say = Callable[[str], None]
ShowStep = Callable[[str, str], None]

FOLLOW_AFTER_SECONDS = 0.7
WAITING = "pump-0008"
"""The device that waits for a decision after ``gatehouse demo --keep``."""


class Demo:
    """One run in one home directory. It starts its own cloud; `close` stops it."""

    def __init__(self, settings: LocalCloudSettings, say: Say) -> None:
        self._say = say
        self.cloud = LocalCloud(_with_free_ports(settings, say))
        self._stopped = threading.Event()
        if self.cloud.status().running:
            raise BadInput(
                f"A local cloud already runs in {settings.home}, and the demo needs a new one. "
                "Stop it (gatehouse down), or give the demo another home: gatehouse demo --home DIRECTORY"
            )

    def set_up(self) -> stage.Stage:
        """Start the cloud, and prepare everything that the scenes need."""
        status = self.cloud.up(self._say)
        target = Target(status.stack, status)
        folder = self._empty_folder()
        ca = DemoCa(folder)
        identities = {scene.device: ca.issue(scene.device) for scene in SCENES}
        identities |= {
            f"{scene.device} first": ca.issue(scene.device, f"{scene.device}-first")
            for scene in SCENES
            if scene.recognised_by == "name"
        }
        self._say("Registering the CA")
        ca_certificate_id = stage.register(target, ca)
        self._say("Importing the inventory")
        stage.import_inventory(target, _rows(ca, identities), folder / "inventory.csv")
        self._say("Publishing the revocation list")
        revoked = [identities[scene.device] for scene in SCENES if scene.certificate_status == "REVOKED"]
        stage.publish_list(target, ca, ca_certificate_id, revoked)
        self._say("Signing the approvers in")
        people = stage.people()
        return stage.Stage(
            target=target,
            folder=folder,
            ca=ca,
            identities=identities,
            people=people,
            desks=stage.sign_everybody_in(target, people),
        )

    def play(self, set_up: stage.Stage, show_step: ShowStep) -> list[Result]:
        """Run the scenes. Returns one result for each, in the same order; writes them to ``demo.json`` too.

        The first device connects alone, since all functions start cold; the others follow when the functions are warm.
        """
        opening, *others = SCENES
        with ThreadPoolExecutor(len(others)) as pool:
            try:
                found = [self._play(set_up, opening, show_step)]
                pending = []
                for scene in others:
                    pending.append(pool.submit(self._play, set_up, scene, show_step))
                    time.sleep(FOLLOW_AFTER_SECONDS)
                found += [played.result() for played in pending]
            except BaseException:
                self._stopped.set()
                raise
        results.write(found, self.cloud.settings.home / "demo.json")
        return found

    def leave_one_waiting(self, set_up: stage.Stage) -> str:
        """Let one more device knock, so that a request waits for people. Returns the id of the request."""
        identity = stage.newcomer(set_up, WAITING)
        device = SceneDevice(set_up, identity, WAITING, lambda _: None, self._stopped.is_set)
        device.knock_until_noticed()
        return device.approval("quality")

    def close(self) -> None:
        """Stop the cloud."""
        self._stopped.set()
        self.cloud.down()

    def _play(self, set_up: stage.Stage, scene: Scene, show_step: ShowStep) -> Result:
        identity = set_up.identities[scene.device]
        device = SceneDevice(
            set_up, identity, scene.device, lambda step: show_step(scene.device, step), self._stopped.is_set
        )
        started = time.monotonic()
        trouble: str | None = None
        try:
            scene.play(device)
        except (Trouble, GatehouseError) as error:
            trouble = str(error)
        seconds = time.monotonic() - started
        result = results.read(set_up.target, scene, identity, trouble=trouble, seconds=seconds)
        show_step(scene.device, f"{result.outcome}, as expected" if result.as_expected else result.outcome)
        return result

    def _empty_folder(self) -> Path:
        """Make ``<home>/demo`` empty: keys and certificates of an earlier run are not used again."""
        folder = self.cloud.settings.home / "demo"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder


def _rows(ca: DemoCa, identities: dict[str, Identity]) -> list[dict[str, str]]:
    """The lines of the inventory. Each device has the kind of lookup key that its scene names."""
    rows = []
    for scene in SCENES:
        identity = identities[scene.device]
        keys = {
            "certificate_sha256": {"certificate_sha256": identity.certificate_id},
            "serial": {"serial": f"{identity.certificate.serial_number:x}", "issuer_key": issuer_key(ca.certificate)},
            "name": {"name": scene.device},
        }
        if scene.recognised_by is not None:
            rows.append({"device": scene.device, **keys[scene.recognised_by], **scene.cells})
    return rows


def _with_free_ports(settings: LocalCloudSettings, say: Say) -> LocalCloudSettings:
    """The settings with free ports in place of those that another program uses. Says so."""
    port = _free(settings.port, say)
    return msgspec.structs.replace(settings, port=port, mqtt_port=_free(settings.mqtt_port, say))


def _free(port: int, say: Say) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            with socket.socket() as other:
                other.bind((LOOPBACK, 0))
                found: int = other.getsockname()[1]
            say(f"Another program uses port {port}. The demo uses {found}.")
            return found
    return port
