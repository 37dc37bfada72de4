"""The inventory table: compares a file's records with it, writes them, shows a device."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import msgspec

from gatehouse.errors import NotFound
from gatehouse.evidence.audit_trail import recorded
from gatehouse.stack import configuration, tables
from gatehouse.stack.target import Target
from workflows.admission.contracts import DeviceRecord
from workflows.admission.inventory import Binding, denied_key, device_key
from workflows.dynamodb_items import to_item

_WORKERS, _WRITERS = 4, 16
_WHO_AND_WHEN = ("entered_by", "entered_at")  # the same record again changes neither

Progress = Callable[[int], None]
"""Called with the number of records that were done since the last call."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What importing one record does. `fields` are those that differ, as ``name: (in the table, in the file)``; `there` is the
    line that was compared, with all its attributes.

    ``denied``: the line is a denial, and the record would lift or shorten it; or the device is denied, and the record allows it. An
    import never does that: see `denials.lift`.
    """

    kind: Literal["new", "changed", "unchanged", "denied"]
    record: DeviceRecord
    fields: dict[str, tuple[Any, Any]] = {}
    there: dict[str, Any] | None = None

    @property
    def is_due(self) -> bool:
        """Whether there is something to write."""
        return self.kind in ("new", "changed")


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """All lines of one device, and its binding."""

    device: str
    records: tuple[DeviceRecord, ...]
    binding: Binding | None


def profiles() -> tuple[str, ...]:
    """The names of the policy profiles, ``config/policies/<name>.json``."""
    return tuple(sorted(path.stem for path in configuration.PROFILES.glob("*.json")))


def compare(target: Target, records: Sequence[DeviceRecord], progress: Progress) -> list[Change]:
    """The changes that importing `records` would make, in the same order. Reads only."""
    dynamodb, table = target.client("dynamodb"), target.output("InventoryTable")

    def changes(batch: list[DeviceRecord]) -> list[Change]:
        keys = [{"lookup_key": record.lookup_key} for record in batch]
        there = {item["lookup_key"]: item for item in tables.read_batch(dynamodb, table, keys)}
        marks = _marks(target, batch)
        progress(len(batch))
        return [_change(record, there.get(record.lookup_key), is_denied=record.device in marks) for record in batch]

    with ThreadPoolExecutor(_WORKERS) as pool:
        return [change for part in pool.map(changes, tables.batches(records, tables.READ_BATCH)) for change in part]


def write(target: Target, changes: Sequence[Change], progress: Progress) -> list[Change]:
    """Write new and changed lines, each only if it has not changed since it was compared.

    Returns the changes that were not made: somebody has changed the line since, and it stays; or somebody has denied the device since,
    and the line becomes a denial too (this is checked after writing). Run an interrupted import again to complete it. Raises
    `TrailUnavailable`, and then nothing was done.
    """
    table = target.output("InventoryTable")
    due = [change for change in changes if change.is_due]
    if not due:
        return []
    dynamodb = target.client("dynamodb")

    def put(change: Change) -> bool:
        written = tables.put_over(dynamodb, table, change.record, change.there, key="lookup_key")
        progress(1)
        return written

    old = {change.record.lookup_key: side(change, 0) for change in due if change.kind == "changed"}
    new = {change.record.lookup_key: side(change, 1) for change in due}
    with recorded(target, "inventory", "import", f"{len(due)} records", old=old, new=new) as act:
        with ThreadPoolExecutor(_WRITERS) as pool:
            written = list(pool.map(put, due))
        left = [change for change, is_written in zip(due, written, strict=True) if not is_written]
        denied = _deny_again(target, [change for change, is_written in zip(due, written, strict=True) if is_written])
        if left or denied:
            not_written = {"changed_meanwhile": left, "denied_meanwhile": denied}
            act.new = {
                name: [change.record.lookup_key for change in part] for name, part in not_written.items() if part
            }
    return left + denied


def _deny_again(target: Target, written: Sequence[Change]) -> list[Change]:
    """The written lines that allow a device which is now marked as denied. They become denials, as `denials.deny` makes them."""
    allowed = [change for change in written if change.record.effect == "allow"]
    marks: dict[str, DeviceRecord] = {}
    for batch in tables.batches([change.record for change in allowed], tables.READ_BATCH):
        marks |= _marks(target, batch)
    denied = [change for change in allowed if change.record.device in marks]
    for change in denied:
        mark = marks[change.record.device]
        line = msgspec.structs.replace(
            change.record,
            effect="deny",
            expires_at=None,
            note=mark.note,
            entered_by=mark.entered_by,
            entered_at=mark.entered_at,
        )
        there = msgspec.to_builtins(change.record)
        tables.put_over(target.client("dynamodb"), target.output("InventoryTable"), line, there, key="lookup_key")
    return denied


def _marks(target: Target, records: Sequence[DeviceRecord]) -> dict[str, DeviceRecord]:
    """The marks ``denied#`` of the devices of `records`, by device."""
    keys = [{"lookup_key": key} for key in dict.fromkeys(denied_key(record.device) for record in records)]
    found = tables.read_batch(target.client("dynamodb"), target.output("InventoryTable"), keys) if keys else []
    return {item["device"]: msgspec.convert(item, DeviceRecord) for item in found}


def side(change: Change, side: int) -> dict[str, Any]:
    """For the audit trail: the changed fields before (0) or after (1). Of a new record: effect, device and who entered it."""
    if change.kind == "new":
        return {"effect": change.record.effect, "device": change.record.device, "entered_by": change.record.entered_by}
    return {name: msgspec.to_builtins(values[side]) for name, values in change.fields.items()}


def every(target: Target) -> list[DeviceRecord]:
    """All lines, sorted by device and lookup key, without the marks ``denied#``, which a file cannot contain. Scans the table."""
    items = tables.scan(
        target.client("dynamodb"),
        TableName=target.output("InventoryTable"),
        FilterExpression="NOT begins_with(lookup_key, :binding) AND NOT begins_with(lookup_key, :denied)",
        ExpressionAttributeValues=to_item({":binding": device_key(""), ":denied": denied_key("")}),
    )
    records = [msgspec.convert(item, DeviceRecord) for item in items]
    return sorted(records, key=lambda record: (record.device, record.lookup_key))


def show(target: Target, device: str) -> Device:
    """Everything in the inventory about a device. Raises `NotFound`. Scans the table, since its key is the lookup key."""
    records = lines(target, device)
    dynamodb, table = target.client("dynamodb"), target.output("InventoryTable")
    bindings = tables.read_batch(dynamodb, table, [{"lookup_key": device_key(device)}])
    if not records and not bindings:
        raise NotFound(f"The inventory has no device {device!r}. Names are compared exactly, capitals included.")
    binding = msgspec.convert(bindings[0], Binding) if bindings else None
    return Device(device=device, records=tuple(records), binding=binding)


def lines(target: Target, device: str) -> list[DeviceRecord]:
    """Every line of a device by its lookup key, the mark that denies it among them.

    The index names them and may lag behind by a second; each line, and the mark in any case, is read as it is now.
    """
    dynamodb, table = target.client("dynamodb"), target.output("InventoryTable")
    indexed = tables.of_index(dynamodb, table, "by_device", "device", device, newest_first=False)
    keys = sorted({denied_key(device), *(str(item["lookup_key"]) for item in indexed)})
    found = [
        msgspec.convert(item, DeviceRecord)
        for part in tables.batches(keys, tables.READ_BATCH)
        for item in tables.read_batch(dynamodb, table, [{"lookup_key": key} for key in part])
    ]
    return sorted((one for one in found if one.device == device), key=lambda record: record.lookup_key)


def _change(record: DeviceRecord, item: dict[str, Any] | None, *, is_denied: bool) -> Change:
    is_denied = is_denied and record.effect == "allow"
    if item is None:
        return Change(kind="denied" if is_denied else "new", record=record)
    there = msgspec.convert(item, DeviceRecord)
    old, new = msgspec.structs.asdict(there), msgspec.structs.asdict(record)
    fields = {name: (old[name], new[name]) for name in new if name not in _WHO_AND_WHEN and old[name] != new[name]}
    kind: Any = "unchanged" if not fields else "changed"
    if is_denied or (fields and _weakens(there, record)):
        kind = "denied"
    return Change(kind=kind, record=record, fields=fields, there=item)


def _weakens(there: DeviceRecord, record: DeviceRecord) -> bool:
    """Whether `record` would lift the denial in the table, or end it earlier. A denial that has expired does not count."""
    if there.effect != "deny" or (there.expires_at is not None and there.expires_at <= record.entered_at):
        return False
    if record.effect != "deny":
        return True
    return record.expires_at is not None and (there.expires_at is None or record.expires_at < there.expires_at)
