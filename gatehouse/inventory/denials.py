"""Taking a device off the list of those expected: denying it, or retiring it; and lifting a denial. What it is or was bound to stays."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from gatehouse.admission import admissions
from gatehouse.errors import AnsweredNo, NotFound
from gatehouse.evidence.audit_trail import recorded, require_reason
from gatehouse.inventory import devices
from gatehouse.inventory.devices import Change, Device
from gatehouse.stack import tables
from gatehouse.stack.target import Target
from workflows.admission import inventory_cells as cells
from workflows.admission.contracts import DeviceRecord
from workflows.admission.inventory import denied_key
from workflows.dynamodb_items import to_item
from workflows.errors import BadInput

_TRIES = 5
"""How often a line may go and come back while it is being denied."""


def denial(
    target: Target, device: str | None, certificate: str | None, *, reason: str, entered_by: str, at: datetime
) -> tuple[str, list[Change]]:
    """Of which device what would change. Reads only; carry it out with `deny`.

    A device: first the mark ``denied#<device>``, which holds whatever other lines say or will say; every line of it, and the certificate
    it is bound to. A certificate (SHA-256 of its DER): that one alone; its device is
    known from the inventory or its admission, otherwise it has to be given too. A denial does not expire. Raises `NotFound`, `BadInput`.
    """
    note = require_reason(reason)
    if certificate is not None:
        key = _certificate_key(certificate)
        there = _records(target, [key])
        name = device or (there[0].device if there else _device_of(target, key))
        lines = there or [_new(key, name, entered_by, at)]
    elif device is not None:
        found, name = devices.show(target, device), device
        lines = list(found.records)
        if (mark := denied_key(device)) not in {line.lookup_key for line in lines}:
            lines.insert(0, _new(mark, device, entered_by, at))
        if found.binding and (key := f"certificate#{found.binding.bound_certificate_id}") not in {
            line.lookup_key for line in lines
        }:
            lines += _records(target, [key]) or [_new(key, device, entered_by, at)]
    else:
        raise BadInput("Got neither a device nor --certificate; expected at least one of them.")
    denied = [
        msgspec.structs.replace(line, effect="deny", expires_at=None, note=note, entered_by=entered_by, entered_at=at)
        for line in lines
        if line.effect != "deny" or line.expires_at is not None
    ]
    return name, devices.compare(target, denied, lambda _: None)


def deny(target: Target, device: str, changes: Sequence[Change], reason: str) -> None:
    """Carry out a `denial`, whatever else is written to its lines meanwhile: a denial is never the one that is lost.

    Raises `AnsweredNo` if a line has become another device's, `TrailUnavailable`, and nothing was done.
    """
    old = {change.record.lookup_key: devices.side(change, 0) for change in changes if change.kind != "new"}
    new = {change.record.lookup_key: devices.side(change, 1) for change in changes}
    with recorded(target, "inventory", "deny", device, old=old, new=new, reason=require_reason(reason)):
        for change in changes:
            _deny(target, change.record)


def _deny(target: Target, record: DeviceRecord) -> None:
    dynamodb, table = target.client("dynamodb"), target.output("InventoryTable")
    for _ in range(_TRIES):
        try:
            dynamodb.update_item(
                TableName=table,
                Key=to_item({"lookup_key": record.lookup_key}),
                UpdateExpression="SET effect = :deny, note = :note, entered_by = :by, entered_at = :at REMOVE expires_at",
                ConditionExpression="device = :device",
                ExpressionAttributeValues=to_item(
                    {
                        ":deny": "deny",
                        ":note": record.note,
                        ":by": record.entered_by,
                        ":at": record.entered_at,
                        ":device": record.device,
                    }
                ),
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            if tables.put_over(dynamodb, table, record, None, key="lookup_key"):
                return
            there = _records(target, [record.lookup_key])
            if there and there[0].device != record.device:
                raise AnsweredNo(
                    f"{record.lookup_key} has become a line of {there[0].device} meanwhile. Look at it, and deny again."
                ) from None
            continue  # it went, and came back
        return
    raise AnsweredNo(f"{record.lookup_key} was written by others {_TRIES} times in a row. Look at it, and deny again.")


def liftable(target: Target, device: str, certificate: str | None) -> tuple[DeviceRecord, ...]:
    """The denials of a device; of one certificate only, if that is given. Raises `NotFound`, `BadInput`, `AnsweredNo` if there is none."""
    found = devices.show(target, device).records
    if certificate is not None:
        key = _certificate_key(certificate)
        if any(record.lookup_key == denied_key(device) for record in found):
            raise AnsweredNo(
                f"{device} is denied whatever its certificate: lifting one certificate's denial would change nothing. "
                f"Lift all of them: gatehouse inventory lift {device}"
            )
        found = tuple(record for record in found if record.lookup_key == key)
    lines = tuple(record for record in found if record.effect == "deny")
    if not lines:
        raise AnsweredNo(f"The inventory does not deny {certificate or device}: there is nothing to lift.")
    return tuple(sorted(lines, key=lambda line: line.lookup_key == denied_key(device)))  # the mark goes last


def lift(target: Target, device: str, lines: Sequence[DeviceRecord], reason: str) -> tuple[DeviceRecord, ...]:
    """Remove these denials, each if it still is as it was looked at; returns those that were. Nobody is expected by that alone.

    Raises `BadInput`, `TrailUnavailable`.
    """
    old = {line.lookup_key: msgspec.to_builtins(line) for line in lines}
    with recorded(target, "inventory", "lift_denial", device, old=old, reason=require_reason(reason)) as act:
        lifted = tuple(line for line in lines if _delete(target, line))
        act.new = {"lifted": [line.lookup_key for line in lifted]}
    return lifted


def retirable(found: Device) -> tuple[DeviceRecord, ...]:
    """The lines that expect the device. Denials are not retired: an unknown device is only held. Raises `AnsweredNo` if none is left."""
    lines = tuple(record for record in found.records if record.effect == "allow")
    if not lines:
        raise AnsweredNo(f"The inventory does not expect {found.device}: there is nothing to retire.")
    return lines


def retire(target: Target, found: Device, reason: str) -> tuple[DeviceRecord, ...]:
    """Delete the lines that expect the device and answer them. Its binding and its denials stay.

    A line that somebody turned into a denial meanwhile stays too. Raises `AnsweredNo`, `BadInput`, `TrailUnavailable`.
    """
    why = require_reason(reason)
    lines = retirable(found)
    old = {line.lookup_key: msgspec.to_builtins(line) for line in lines}
    with recorded(target, "inventory", "retire", found.device, old=old, reason=why) as act:
        retired = tuple(line for line in lines if _delete(target, line))
        act.new = {"retired": [line.lookup_key for line in retired]}
    return retired


def _delete(target: Target, line: DeviceRecord) -> bool:
    """Unless it is another device's by now, has the other effect, or another note: denied again, for another reason."""
    dynamodb = target.client("dynamodb")
    try:
        dynamodb.delete_item(
            TableName=target.output("InventoryTable"),
            Key=to_item({"lookup_key": line.lookup_key}),
            ConditionExpression="device = :device AND effect = :effect AND (note = :note OR attribute_not_exists(note))",
            ExpressionAttributeValues=to_item({":device": line.device, ":effect": line.effect, ":note": line.note}),
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _certificate_key(text: str) -> str:
    try:
        return f"certificate#{cells.sha256(text)}"
    except ValueError as error:
        raise BadInput(f"--certificate {error}") from error


def _device_of(target: Target, key: str) -> str:
    certificate_id = key.partition("#")[2]
    admission = admissions.by_certificate(target, certificate_id)
    if admission is None or admission.device is None:
        raise NotFound(
            f"Neither the inventory nor an admission says whose certificate {certificate_id} is. Name its device too: "
            "gatehouse inventory deny DEVICE --certificate …"
        )
    return admission.device


def _records(target: Target, keys: Sequence[str]) -> list[DeviceRecord]:
    found: list[dict[str, Any]] = tables.read_batch(
        target.client("dynamodb"), target.output("InventoryTable"), [{"lookup_key": key} for key in keys]
    )
    return [msgspec.convert(item, DeviceRecord) for item in found]


def _new(key: str, device: str, entered_by: str, at: datetime) -> DeviceRecord:
    try:
        cells.thing_name(device)
    except ValueError as error:
        raise BadInput(f"The device {error}") from error
    return DeviceRecord(lookup_key=key, device=device, effect="allow", entered_by=entered_by, entered_at=at)
