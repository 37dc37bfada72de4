"""The scenes: what each device does at the door, and how it must end.

A scene acts and looks; it never assumes. What it finds to be otherwise than promised is `Trouble`, and then the device did not end
as expected.
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
NOTICED_WITHIN_SECONDS = 20.0  # a first call starts cold; an event that is lost is made good by the next knock

Expected = Literal["admitted", "refused", "held"]
Tell = Callable[[str], None]


class Trouble(Exception):  # noqa: N818 - what a scene found, not a fault of the program
    """Something at the door was not as promised."""


class Door:
    """One device at the door: knocks, waits, looks. `stopped` ends every wait when the demo is interrupted."""

    def __init__(
        self, stage: Stage, identity: Identity, client_id: str, tell: Tell, stopped: Callable[[], bool]
    ) -> None:
        self.stage = stage
        self.identity = identity
        self.client_id = client_id
        self.tell = tell
        self._stopped = stopped

    def beside(self, identity: Identity, client_id: str | None = None) -> "Door":
        """Another certificate at the same door."""
        return Door(self.stage, identity, client_id or self.client_id, self.tell, self._stopped)

    def device(self) -> MqttDevice:
        return MqttDevice(
            self.stage.target.mqtt_endpoint(),
            certificate=self.identity.certificate_file,
            key=self.identity.key_file,
            client_id=self.client_id,
        )

    def knock(self) -> Connection:
        """Connect once, and hang up if let in."""
        with self.device() as device:
            return device.connect()

    def admission(self) -> admissions.Admission | None:
        return admissions.by_certificate(self.stage.target, self.identity.certificate_id)

    def knock_until_noticed(self) -> None:
        """Knock until an admission stands: an event may be lost, the next knock makes it good."""
        self.tell("knocks")
        for _ in self.turns("an admission was opened", every=KNOCK_EVERY_SECONDS):
            answer = self.knock()
            if answer is not Connection.CLOSED:
                raise Trouble(f"a certificate nobody knows was answered: {answer}")
            if self._noticed():
                return

    def wait_until_closed(self) -> admissions.Admission:
        """Until the admission has an outcome."""
        for _ in self.turns("its admission ended"):
            found = self.admission()
            if found is not None and found.outcome != "open":
                self.tell(found.outcome)
                return found
        raise AssertionError("unreachable: turns() raises")

    def come_in(self) -> MqttDevice:
        """Connect as often as a policy needs to take effect (on AWS, minutes). The caller closes the session."""
        device = self.device()
        for _ in self.turns("it was let in", every=KNOCK_EVERY_SECONDS):
            answer = device.connect()
            if answer is Connection.CONNECTED:
                return device
        raise AssertionError("unreachable: turns() raises")

    def approval(self, group: str) -> str:
        """The id of this certificate's request, as the approver of `group` sees it waiting."""
        self.tell("waits for people")
        for _ in self.turns(f"its request reached {group}"):
            for waiting in self.stage.desks[group].list_tab("mine", limit=100):
                if waiting["certificate_id"] == self.identity.certificate_id:
                    return str(waiting["approval_id"])
        raise AssertionError("unreachable: turns() raises")

    def vote(self, approval_id: str, group: str, decision: Literal["approve", "reject"], reason: str) -> None:
        """Decide as the approver of `group`, on the evidence as it stands."""
        desk, person = self.stage.desks[group], self.stage.people[group]
        basis = str(desk.show(approval_id)["basis_sha256"])
        meaning = "approval" if decision == "approve" else "rejection"
        desk.vote(approval_id, decision, reason=reason, meaning=meaning, basis_sha256=basis)
        self.tell(f"{person.name} ({group}): {decision}")

    def turns(self, until: str, every: float = LOOK_EVERY_SECONDS) -> Iterator[None]:
        """Tries, evenly spaced. Raises `Trouble` when the time is over."""
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


def expected(door: Door) -> None:
    """Admitted by itself; comes back, speaks on its own topic and not on another's."""
    door.knock_until_noticed()
    if door.wait_until_closed().outcome != "admitted":
        return
    session = door.come_in()
    with session:
        if not session.publish(f"devices/{door.client_id}/telemetry", b'{"flow": 12.5}'):
            raise Trouble(f"its own topic was refused ({session.why})")
        door.tell("reconnected, published")
        if session.publish("devices/somebody-else/telemetry", b'{"flow": 0}'):
            raise Trouble("it could publish on another device's topic")
        door.tell("refused on another's topic")


def two_people(door: Door) -> None:
    """Waits for quality and security; one of them is not enough."""
    door.knock_until_noticed()
    approve_by_both(door)
    if door.wait_until_closed().outcome == "admitted":
        door.come_in().close()
        door.tell("reconnected")


def approve_by_both(door: Door) -> None:
    """Two sign-ins agree, and the first alone opens nothing."""
    approval_id = door.approval("quality")
    door.vote(approval_id, "quality", "approve", "Delivered under PO 4711, checked at goods-in")
    admission = door.admission()
    if admission is None or admission.outcome != "open":
        raise Trouble("one of two approvals was enough")
    door.vote(approval_id, "security", "approve", "Hardware security module serial verified")


def knock_and_wait(door: Door) -> None:
    """Knocks, and learns how it ended."""
    door.knock_until_noticed()
    door.wait_until_closed()
    if door.knock() is Connection.CONNECTED:
        raise Trouble("it could connect all the same")


def second_certificate(door: Door) -> None:
    """A device that is in comes with another certificate: rotation or clone? A person says no, and the first stays in."""
    first = door.beside(door.stage.identities[f"{door.client_id} first"])
    first.knock_until_noticed()
    if first.wait_until_closed().outcome != "admitted":
        raise Trouble("its first certificate was not admitted")
    door.tell("bound; now with a second certificate")
    door.knock_until_noticed()
    approval_id = door.approval("security")
    door.vote(approval_id, "security", "reject", "Nobody announced a rotation of this device")
    try:
        door.vote(approval_id, "quality", "approve", "Looks right")
    except AnsweredNo:
        door.tell("a later yes was told it is decided")
    else:
        raise Trouble("a vote counted after the rejection")
    door.wait_until_closed()
    if door.knock() is Connection.CONNECTED:
        raise Trouble("the rejected certificate could connect")
    first.come_in().close()


def knocks_again_and_again(door: Door) -> None:
    """Twenty knocks while it waits for people: one admission, one execution."""
    door.knock_until_noticed()
    for number in range(2, KNOCKS + 1):
        door.tell(f"knock {number} of {KNOCKS}")
        if door.knock() is not Connection.CLOSED:
            raise Trouble("a pending certificate was let in")
    approve_by_both(door)
    door.wait_until_closed()


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """One device, what is in the inventory for it, and how it must end."""

    device: str
    title: str
    expected: Expected
    certificate_status: str
    play: Callable[[Door], None]
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
