"""Prepares the demo: a registered CA, an inventory, a revocation list, and two approvers, with the same calls as the commands."""

import csv
import io
import secrets
import string
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gatehouse.approval import approvers, sessions
from gatehouse.approval.approvals import Approvals
from gatehouse.demo.pki import DemoCa, Identity
from gatehouse.inventory import devices
from gatehouse.revocation import authorities, lists
from gatehouse.stack.target import Target
from workflows.admission import inventory_file

Say = Callable[[str], None]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An approver of the demo."""

    name: str
    email: str
    group: str
    password: str


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What every scene needs. `people` maps a group to its approver, `desks` to the approvals API signed in as that person."""

    target: Target
    folder: Path
    ca: DemoCa
    identities: dict[str, Identity]
    people: dict[str, Person]
    desks: dict[str, Approvals]


def people() -> dict[str, Person]:
    """One approver each for quality and security, with passwords made for this run."""
    return {
        "quality": Person(name="Ada Lovelace", email="ada@example.com", group="quality", password=_password()),
        "security": Person(name="Grace Hopper", email="grace@example.com", group="security", password=_password()),
    }


def import_inventory(target: Target, rows: Sequence[dict[str, str]], file: Path) -> int:
    """Write the rows as a CSV file and import that, as ``gatehouse inventory import`` does. Returns how many were new."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, inventory_file.COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    file.write_text(out.getvalue(), encoding="utf-8", newline="")
    author = target.client("sts").get_caller_identity()["Arn"]
    found = inventory_file.parse(
        file.read_bytes(), profiles=devices.profiles(), entered_by=author, at=datetime.now(UTC)
    )
    changes = devices.compare(target, found.records, _quietly)
    devices.write(target, changes, _quietly)
    return sum(change.kind == "new" for change in changes)


def newcomer(set_up: Stage, device: str) -> Identity:
    """Add an infusion pump to the inventory, and issue its certificate. The rules ask two people about it."""
    identity = set_up.ca.issue(device)
    hashed = {"device": device, "certificate_sha256": identity.certificate_id}
    row = {**hashed, "product": "infusion-pump", "site": "Ward 5"}
    import_inventory(set_up.target, [row], set_up.folder / f"{device}.csv")
    return identity


def register(target: Target, ca: DemoCa) -> str:
    """Register the demo's CA. Returns its id in AWS IoT."""
    return authorities.register(target, ca.certificate, ca.key).ca.ca_certificate_id


def publish_list(target: Target, ca: DemoCa, ca_certificate_id: str, revoked: Sequence[Identity]) -> None:
    """Publish a list that revokes these certificates."""
    file = ca.revoke(identity.certificate for identity in revoked)
    lists.publish(target, file.read_bytes(), ca_certificate_id, at=datetime.now(UTC))


def sign_everybody_in(target: Target, people: dict[str, Person]) -> dict[str, Approvals]:
    """Add the approvers to the user pool, and sign in as each of them."""
    desks = {}
    for group, person in people.items():
        approvers.add(target, email=person.email, name=person.name, password=person.password, groups=[group])
        session = sessions.sign_in(target, person.email, person.password)
        desks[group] = Approvals(target.output("ApprovalsUrl"), session.id_token)
    return desks


def _password() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(20)) + "aA1"


def _quietly(count: int) -> None:
    del count
