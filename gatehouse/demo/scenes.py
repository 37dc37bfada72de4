"""The scenes of the demo: what each device does, and the outcome that it must have.

A scene checks each step. If a step has another result than expected, it raises `Trouble`, and the device has not ended as expected.
"""

import time
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from gatehouse.admission import admissions
from gatehouse.demo.pki import Identity
from gatehouse.demo.stage import Stage
from gatehouse.device.mqtt import Connection, MqttDevice
from gatehouse.errors import AnsweredNo

WITHIN_SECONDS = 90.0
LOOK_EVERY_SECONDS = 0.25
KNOCK_EVERY_SECONDS = 0.5
KNOCKS = 20
NOTICED_WITHIN_SECONDS = 20.0  # the first call starts cold; the next knock replaces a lost event

Expected = Literal["admitted", "refused", "held"]
ShowStep = Callable[[str], None]


class Trouble(Exception):  # noqa: N818 - a result of a scene, not a fault of the program
    """A step had another result than expected."""


class SceneDevice:
    """The device of a scene: it knocks, waits and reads its admission. `stopped` ends every wait when the demo is interrupted."""

    def __init__(
        self, stage: Stage, identity: Identity, client_id: str, show_step: ShowStep, stopped: Callable[[], bool]
    ) -> None:
        self.stage = stage
        self.identity = identity
        self.client_id = client_id
        self.show_step = show_step
        self._stopped = stopped

    def beside(self, identity: Identity, client_id: str | None = None) -> "SceneDevice":
        """The same scene with another certificate."""
        return SceneDevice(self.stage, identity, client_id or self.client_id, self.show_step, self._stopped)

    def mqtt(self) -> MqttDevice:
        return MqttDevice(
            self.stage.target.mqtt_endpoint(),
            certificate=self.identity.certificate_file,
            key=self.identity.key_file,
            client_id=self.client_id,
        )

    def knock(self) -> Connection:
        """Connect once, and disconnect."""
        with self.mqtt() as session:
            return session.connect()

    def admission(self) -> admissions.Admission | None:
        return admissions.by_certificate(self.stage.target, self.identity.certificate_id)

    def knock_until_noticed(self) -> None:
        """Knock until there is an admission. An event may be lost; then the next knock starts it."""
        self.show_step("knocks")
        for _ in self.tries("an admission was opened", every=KNOCK_EVERY_SECONDS):
            answer = self.knock()
            if answer is not Connection.CLOSED:
                raise Trouble(f"an unknown certificate was not turned away: {answer}")
            if self._noticed():
                return

    def wait_until_closed(self) -> admissions.Admission:
        """Wait until the admission has an outcome."""
        for _ in self.tries("its admission ended"):
            found = self.admission()
            if found is not None and found.outcome != "open":
                self.show_step(found.outcome)
                return found
        raise AssertionError("unreachable: tries() raises")

    def connect_as_admitted(self) -> MqttDevice:
        """Connect again and again until the policy has taken effect (on AWS, minutes). The caller closes the session."""
        session = self.mqtt()
        for _ in self.tries("it connected", every=KNOCK_EVERY_SECONDS):
            answer = session.connect()
            if answer is Connection.CONNECTED:
                return session
        raise AssertionError("unreachable: tries() raises")

    def approval(self, group: str) -> str:
        """The id of this certificate's request, read from the inbox of the approver of `group`."""
        self.show_step("waits for people")
        for _ in self.tries(f"its request reached {group}"):
            for waiting in self.stage.desks[group].list_tab("mine", limit=100):
                if waiting["certificate_id"] == self.identity.certificate_id:
                    return str(waiting["approval_id"])
        raise AssertionError("unreachable: tries() raises")

    def vote(self, approval_id: str, group: str, decision: Literal["approve", "reject"], reason: str) -> None:
        """Vote as the approver of `group`, on the present evidence."""
        desk, person = self.stage.desks[group], self.stage.people[group]
        basis = str(desk.show(approval_id)["basis_sha256"])
        meaning = "approval" if decision == "approve" else "rejection"
        desk.vote(approval_id, decision, reason=reason, meaning=meaning, basis_sha256=basis)
        self.show_step(f"{person.name} ({group}): {decision}")

    def tries(self, until: str, every: float = LOOK_EVERY_SECONDS) -> Iterator[None]:
        """Repeat with equal pauses. Raises `Trouble` when the time is over; `until` says what did not happen."""
        deadline = time.monotonic() + WITHIN_SECONDS
        while time.monotonic() < deadline:
            if self._stopped():
                raise Trouble("interrupted")
            yield
            time.sleep(every)
        raise Trouble(f"not after {WITHIN_SECONDS:g} s: {until}")

    def _noticed(self) -> bool:
        deadline = time.monotonic() + NOTICED_WITHIN_SECONDS
        while time.monotonic() < deadline and not self._stopped():
            if self.admission() is not None:
                return True
            time.sleep(LOOK_EVERY_SECONDS)
        return False


def expected(device: SceneDevice) -> None:
    """Is admitted by a rule; connects again, and may publish on its own topic only."""
    device.knock_until_noticed()
    if device.wait_until_closed().outcome != "admitted":
        return
    session = device.connect_as_admitted()
    with session:
        if not session.publish(f"devices/{device.client_id}/telemetry", b'{"flow": 12.5}'):
            raise Trouble(f"it could not publish on its own topic ({session.why})")
        device.show_step("reconnected, published")
        if session.publish("devices/somebody-else/telemetry", b'{"flow": 0}'):
            raise Trouble("it could publish on another device's topic")
        device.show_step("refused on another's topic")


def two_people(device: SceneDevice) -> None:
    """Waits for two people, of quality and of security. One of them is not enough."""
    device.knock_until_noticed()
    approve_by_both(device)
    if device.wait_until_closed().outcome == "admitted":
        device.connect_as_admitted().close()
        device.show_step("reconnected")


def approve_by_both(device: SceneDevice) -> None:
    """Two people approve. After the first vote the admission must still be open."""
    approval_id = device.approval("quality")
    device.vote(approval_id, "quality", "approve", "Delivered under PO 4711, checked at goods-in")
    admission = device.admission()
    if admission is None or admission.outcome != "open":
        raise Trouble("one of two approvals was enough")
    device.vote(approval_id, "security", "approve", "Hardware security module serial verified")


def knock_and_wait(device: SceneDevice) -> None:
    """Knocks, and waits for the outcome."""
    device.knock_until_noticed()
    device.wait_until_closed()
    if device.knock() is Connection.CONNECTED:
        raise Trouble("it could still connect")


def second_certificate(device: SceneDevice) -> None:
    """An admitted device knocks with a second certificate: a rotation or a clone. A person rejects it; the first one stays admitted."""
    first = device.beside(device.stage.identities[f"{device.client_id} first"])
    first.knock_until_noticed()
    if first.wait_until_closed().outcome != "admitted":
        raise Trouble("its first certificate was not admitted")
    device.show_step("bound; now with a second certificate")
    device.knock_until_noticed()
    approval_id = device.approval("security")
    device.vote(approval_id, "security", "reject", "Nobody announced a rotation of this device")
    try:
        device.vote(approval_id, "quality", "approve", "Looks right")
    except AnsweredNo:
        device.show_step("a later approval was refused: already decided")
    else:
        raise Trouble("a vote counted after the rejection")
    device.wait_until_closed()
    if device.knock() is Connection.CONNECTED:
        raise Trouble("the rejected certificate could connect")
    first.connect_as_admitted().close()


def knocks_again_and_again(device: SceneDevice) -> None:
    """Twenty knocks while it waits for people: one admission, one execution."""
    device.knock_until_noticed()
    for number in range(2, KNOCKS + 1):
        device.show_step(f"knock {number} of {KNOCKS}")
        if device.knock() is not Connection.CLOSED:
            raise Trouble("a pending certificate could connect")
    approve_by_both(device)
    device.wait_until_closed()


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """One device, what is in the inventory for it, and how it must end."""

    device: str
    title: str
    expected: Expected
    certificate_status: str
    play: Callable[[SceneDevice], None]
    recognised_by: Literal["certificate_sha256", "serial", "name"] | None
    cells: dict[str, str] = {}


SCENES = (
    Scene(
        device="pump-0001",
        title="expected",
        expected="admitted",
        certificate_status="ACTIVE",
        play=expected,
        recognised_by="certificate_sha256",
        cells={
            "product": "flow-meter",
            "site": "Plant B",
            "thing_type": "flow-meter",
            "groups": "plant-b",
            "attributes": "line=7",
        },
    ),
    Scene(
        device="pump-0042",
        title="needs two people",
        expected="admitted",
        certificate_status="ACTIVE",
        play=two_people,
        recognised_by="serial",
        cells={"product": "infusion-pump", "site": "Ward 3"},
    ),
    Scene(
        device="sensor-0003",
        title="revoked",
        expected="refused",
        certificate_status="REVOKED",
        play=knock_and_wait,
        recognised_by="certificate_sha256",
        cells={"product": "sensor"},
    ),
    Scene(
        device="stranger-0004",
        title="in no inventory",
        expected="held",
        certificate_status="PENDING_ACTIVATION",
        play=knock_and_wait,
        recognised_by=None,
    ),
    Scene(
        device="sensor-0005",
        title="denied",
        expected="refused",
        certificate_status="INACTIVE",
        play=knock_and_wait,
        recognised_by="certificate_sha256",
        cells={"effect": "deny", "product": "sensor", "note": "Reported stolen"},
    ),
    Scene(
        device="gateway-0006",
        title="second certificate",
        expected="refused",
        certificate_status="INACTIVE",
        play=second_certificate,
        recognised_by="name",
        cells={"product": "gateway"},
    ),
    Scene(
        device="pump-0007",
        title="knocks twenty times",
        expected="admitted",
        certificate_status="ACTIVE",
        play=knocks_again_and_again,
        recognised_by="certificate_sha256",
        cells={"product": "infusion-pump", "site": "Ward 4"},
    ),
)
